"""Dumps the program after each pass, and reports failures of a pass as internal errors."""

from __future__ import annotations

from ismc.errors import InternalError, IsmcError
from ismc.ir.dump import show_stage
from ismc.passes import PIPELINE, Pass, Program
from ismc.plan.explain import table


def observed(step: Pass) -> Pass:
    """The pass, wrapped so that its result is dumped and its failures are internal errors."""

    def run(program: Program) -> Program:
        try:
            after = step(program)
        except IsmcError:
            raise
        except Exception as error:
            raise InternalError(
                f"The pass {step.__name__} failed with {type(error).__name__}: {error}.\n{program}",
                hint="This is a bug in ismc; please report it with the text above.",
            ) from error
        show_stage(f"{PIPELINE.index(step) + 1}-{step.__name__}.txt", after)
        plan = after.plan
        if plan is not None:
            show_stage("plan.txt", lambda: table(plan))
        return after

    return run
