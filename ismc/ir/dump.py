"""The environment switches for debugging; none of them changes a program.

* ``ISMC_DUMP=dir`` writes the result of each stage to a file in ``dir``.
* ``ISMC_DEBUG=1`` prints the result of each stage to standard error, and verifies it.
* ``ISMC_VERIFY=1`` verifies what each pass promises; see `ismc.passes.verify`.
* ``ISMC_CHECK=1`` compares every intermediate value of a program with the model's; see
  `ismc.verification.verify`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def show_stage(name: str, stage: object) -> None:
    """Writes or prints a stage if a switch is set; ``stage`` may be a function that returns it."""
    directory = os.environ.get("ISMC_DUMP")
    debug = _is_set("ISMC_DEBUG")
    if not directory and not debug:
        return
    text = str(stage() if callable(stage) else stage)
    if directory:
        Path(directory).mkdir(parents=True, exist_ok=True)
        (Path(directory) / name).write_text(text if text.endswith("\n") else text + "\n")
    if debug:
        sys.stderr.write(f"--- {name}\n{text}\n")


def is_checked() -> bool:
    """Whether verification compares every intermediate value of a program."""
    return _is_set("ISMC_CHECK")


def is_verified() -> bool:
    """Whether the promises of each pass are checked after it."""
    return _is_set("ISMC_VERIFY") or _is_set("ISMC_DEBUG")


def _is_set(switch: str) -> bool:
    return os.environ.get(switch, "0") not in ("", "0")
