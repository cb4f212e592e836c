"""``ISMC_DUMP=dir`` writes what each stage made, ``ISMC_DEBUG=1`` prints it; both only look."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ismc.errors import InternalError, IsmcError
from ismc.passes import PIPELINE, Pass, Program


def observed(step: Pass) -> Pass:
    """A pass that is verified, and shown to whoever looks."""

    def run(program: Program) -> Program:
        try:
            after = step(program)
        except IsmcError:
            raise
        except Exception as error:
            raise InternalError(
                f"The pass {step.__name__} failed with {type(error).__name__}: {error}.\n{program}",
                hint="This is a fault of ismc; please report it with the text above.",
            ) from error
        show(f"{PIPELINE.index(step) + 1}-{step.__name__}.txt", after)
        if after.plan is not None:
            show("plan.txt", after.plan)
        return after

    return run


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
