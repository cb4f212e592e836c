"""``ISMC_DUMP=dir`` writes what each stage made, ``ISMC_DEBUG=1`` prints it; both only look.

``ISMC_CHECK=1`` has every value inside of a program compared with the model's; see
`ismc.verification.verify`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def show(name: str, stage: object) -> None:
    """Writes or prints a stage, if asked to; ``stage`` may be a function that gives its text."""
    directory = os.environ.get("ISMC_DUMP")
    printed = os.environ.get("ISMC_DEBUG", "0") not in ("", "0")
    if not directory and not printed:
        return
    text = str(stage() if callable(stage) else stage)
    if directory:
        Path(directory).mkdir(parents=True, exist_ok=True)
        (Path(directory) / name).write_text(text if text.endswith("\n") else text + "\n")
    if printed:
        sys.stderr.write(f"--- {name}\n{text}\n")


def is_checked() -> bool:
    """Whether verification looks at every value inside of a program."""
    return os.environ.get("ISMC_CHECK", "0") not in ("", "0")
