"""Keys of programs: all that determines a program, except weights and generated names."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numpy as np

from ismc.artifacts.cache.environment import environment
from ismc.artifacts.cache.fingerprint import FingerprintError, architecture, digest, renamed, rules
from ismc.artifacts.cache.fingerprint.scores import score_data
from ismc.artifacts.cache.store import ProgramStore
from ismc.artifacts.container import Container
from ismc.frontend.model import Model
from ismc.passes import Request
from ismc.plan.plan import Plan


def program_key(model: Model, request: Request, plan: Plan, score: Any) -> str:
    """64 hexadecimal digits, or an empty text if the program contains code of the user's.

    What the user's code does is unknown until it is traced; the key is then made from the traced
    program.

    Args:
        model: the lowered model.
        request: the request, with the choices of autotuning.
        plan: the plan.
        score: the function of reference and mutant, or ``None``.
    """
    try:
        model_data = architecture(model)
        weights = [
            [model_data.owners[owner], [model_data.weights[owner][name] for name in variables]]
            for owner, variables in model.variables.items()
        ]
        data = {
            "architecture": model_data.data,
            "weights": weights,
            "request": _request(request, model_data.layers),
            "rules": rules(request.rules, model_data.layers),
            "plan": _plan(plan, model_data.layers),
            "score": score_data(score),
            "environment": environment(),
        }
        return digest(data)
    except FingerprintError:
        return ""


def verdict_key(key: str, weights: Sequence[Any]) -> str:
    """The key of a verdict: that a program was verified with these weights.

    Args:
        key: the program's key; if empty, the verdict has no key.
        weights: arrays, in the order of the program.
    """
    if not key:
        return ""
    content = sha256()
    for weight in weights:
        array = np.ascontiguousarray(np.asarray(weight))
        content.update(f"{array.dtype}{array.shape}".encode())
        content.update(array.view(np.uint8).data if array.ndim else array.tobytes())
    return digest([key, "verified", content.hexdigest()])


def read_verdict(store: ProgramStore | None, key: str) -> float | None:
    """The error that a verification measured, or ``None`` if there is no such verdict."""
    entry = store.get(key) if store is not None and key else None
    error = None if entry is None else entry.manifest.get("error")
    return error if isinstance(error, float) else None


def write_verdict(store: ProgramStore | None, key: str, model: str, error: float) -> None:
    """Stores the verdict that a program was verified, with the error that was measured."""
    if store is not None and key:
        manifest = {"model": model, "program": "verified", "error": float(error), "versions": {}}
        store.put(key, Container(manifest, {}, {}, {}))


def _request(request: Request, names: Any) -> dict[str, Any]:
    return {
        "sequence": renamed(request.sequence, names),
        "sites": [[site.start, site.stop] for site in request.sites],
        "outputs": [renamed(name, names) for name in request.outputs],
        "stop_at": [renamed(name, names) for name in request.stop_at],
        "strategies": [[renamed(name, names), form] for name, form in request.strategies],
        "cut": None if request.cut is None else renamed(request.cut, names),
        "memory": request.memory,
        "tile": request.tile,
        "scored": request.scored,
        "precision": request.precision,
    }


def _plan(plan: Plan, names: Any) -> dict[str, Any]:
    """The plan as data; it may also depend on measured rates of the machine."""
    return {
        "inputs": [[renamed(name, names), list(shape)] for name, shape in plan.inputs],
        "lines": [[x.role, x.form, x.strategy, x.width, x.length] for x in plan.lines],
        "mutants": plan.mutants,
        "active": list(plan.active),
        "bands": [[list(b.starts), b.width, b.length, b.by_position] for b in plan.bands],
        "offsets": sorted([key, list(values)] for key, values in plan.offsets.items()),
    }
