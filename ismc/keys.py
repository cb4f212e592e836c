"""What a program is kept under: all that determines it, but the weights and made-up names."""

from __future__ import annotations

from typing import Any

from ismc.artifacts.container import Container
from ismc.artifacts.store import Store
from ismc.environment import environment
from ismc.fingerprint import (
    FingerprintError,
    architecture,
    code,
    digest,
    renamed,
    rules,
)
from ismc.frontend import Model
from ismc.passes import Request
from ismc.plan import Plan


def program_key(model: Model, request: Request, plan: Plan, score: Any) -> str:
    """64 hexadecimal digits, or nothing where something that may matter cannot be digested.

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
            "score": None if score is None else code(score),
            "environment": environment(),
        }
        return digest(data)
    except FingerprintError:
        return ""


def recalled(store: Store | None, key: str) -> float | None:
    """The error that a program was found to have when it was verified; nothing if it was not."""
    if store is None or not key:
        return None
    found = store.get(_verdict(key))
    error = None if found is None else found.manifest.get("error")
    return error if isinstance(error, float) else None


def remembered(store: Store | None, key: str, model: str, error: float) -> None:
    """Keeps that a program was verified."""
    if store is not None and key:
        manifest = {"model": model, "program": "verified", "error": float(error), "versions": {}}
        store.put(_verdict(key), Container(manifest, {}, {}, {}))


def _verdict(key: str) -> str:
    return digest([key, "verified"])


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
