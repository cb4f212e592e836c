"""A hash of what a program computes, from the layers' configuration or from a trace of them."""

from __future__ import annotations

from typing import Any

from ismc.artifacts.cache.fingerprint import FingerprintError, architecture, digest
from ismc.artifacts.cache.fingerprint.scores import score_data
from ismc.execution.lowering import LoweringError, lower
from ismc.execution.signature import Spec
from ismc.scores.letters import part_across


def identity(ism: Any) -> str:
    """SHA-256 of what the layers and the score of a `CompiledProgram` compute, without weights.

    For Keras's own layers it is the same on every machine. User layers and scores are traced, which
    takes seconds. Functions that cannot be lowered, such as ones that own variables, do not count.
    """
    return digest([_of_model(ism), _of_score(ism)])


def _of_model(ism: Any) -> str:
    try:
        data = architecture(ism.model).data
        return digest({key: value for key, value in data.items() if key != "code"})
    except FingerprintError:
        try:
            return ism.lowered_model(1).trace_module(with_digest=True).meaning
        except LoweringError:
            return ""


def _of_score(ism: Any) -> str:
    try:
        return digest(score_data(ism.score))
    except FingerprintError:
        pass
    specs = [Spec((1, *shape), "float32") for _, shape in ism.plan.outputs]
    score: Any = ism.score
    across = part_across(score)
    letters = Spec((1, 1, ism.input_shape[1]), "float32")
    calls: list[tuple[Any, list[Spec]]] = [
        (lambda r, m: [score(r, m)], [spec, spec]) for spec in specs
    ]
    if across is not None:
        rows = [Spec((*letters.shape, *shape), "float32") for shape in ism.shapes()]
        calls += [(lambda y, present: [across(y, present)], [row, letters]) for row in rows]
    try:
        return digest([lower(call, inputs, "score", {}, True).meaning for call, inputs in calls])
    except LoweringError:
        return ""
