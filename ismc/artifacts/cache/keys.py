"""What a program is kept under: all that determines it, but the weights and made-up names."""

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
from ismc.frontend import Model
from ismc.passes import Request
from ismc.plan.plan import Plan


def program_key(model: Model, request: Request, plan: Plan, score: Any) -> str:
    """64 hexadecimal digits, or nothing where code of the user's takes part.

    What such code does is known once it is traced; the program itself then gives the key.

    Args:
        model: as it was lowered.
        request: what was asked for, and chosen by autotuning.
        plan: what was decided.
        score: what is computed from reference and mutant, or ``None``.
    """
    try:
        found = architecture(model)
        weights = [
            [found.owners[owner], [found.weights[owner][name] for name in named]]
            for owner, named in model.variables.items()
        ]
        data = {
            "architecture": found.data,
            "weights": weights,
            "request": _request(request, found.layers),
            "rules": rules(request.rules, found.layers),
            "plan": _plan(plan, found.layers),
            "score": score_data(score),
            "environment": environment(),
        }
        return digest(data)
    except FingerprintError:
        return ""


def verdict_key(key: str, weights: Sequence[Any]) -> str:
    """What it is kept under that a program was verified with these weights.

    Args:
        key: the program's; without one there is none for the verdict.
        weights: arrays, in the order of the program.
    """
    if not key:
        return ""
    found = sha256()
    for weight in weights:
        array = np.ascontiguousarray(np.asarray(weight))
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(array.view(np.uint8).data if array.ndim else array.tobytes())
    return digest([key, "verified", found.hexdigest()])


def recalled(store: ProgramStore | None, key: str) -> float | None:
    """The error that was found under the key of a verdict; nothing if there is none."""
    found = store.get(key) if store is not None and key else None
    error = None if found is None else found.manifest.get("error")
    return error if isinstance(error, float) else None


def remembered(store: ProgramStore | None, key: str, model: str, error: float) -> None:
    """Keeps that a program was verified, under the key of the verdict."""
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
    """What rates of a machine may have decided, too."""
    return {
        "inputs": [[renamed(name, names), list(shape)] for name, shape in plan.inputs],
        "lines": [[x.role, x.form, x.strategy, x.width, x.length] for x in plan.lines],
        "mutants": plan.mutants,
        "active": list(plan.active),
        "bands": [[list(b.starts), b.width, b.length, b.by_position] for b in plan.bands],
        "offsets": sorted([key, list(values)] for key, values in plan.offsets.items()),
    }
