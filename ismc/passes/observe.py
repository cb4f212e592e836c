"""Runs passes, dumps and verifies the program after each, and reports internal errors."""

from __future__ import annotations

from collections.abc import Sequence

from ismc.errors import InternalError, IsmcError
from ismc.ir.dump import is_verified, show_stage
from ismc.passes import PIPELINE, Pass, Program
from ismc.passes.verify import verify_pass
from ismc.plan.explain import table


def run_passes(program: Program, passes: Sequence[Pass]) -> Program:
    """The program after these passes, each observed."""
    for step in passes:
        program = observed(step)(program)
    return program


def observed(step: Pass) -> Pass:
    """The pass, wrapped so that its result is dumped and verified.

    Its failures, and promises that it breaks, are internal errors.
    """

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
        if is_verified():
            verify_pass(step.__name__, after)
        return after

    return run
