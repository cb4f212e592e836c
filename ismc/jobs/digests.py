"""Digests that tell models apart, whatever file and machine they are on."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np


def model_digest(ism: Any) -> str:
    """SHA-256 over layers, score and weights of what is called; of all members of an ensemble.

    The machine, the versions and whether programs are kept have no part in it.
    """
    found = sha256()
    for member in getattr(ism, "members", None) or [ism]:
        program = member.program if hasattr(member, "view") else member
        made = program.record if hasattr(program, "record") else program
        for text in (program.plan.digest, program.score_name, made.identity, *_view(member)):
            found.update(f"{text}\n".encode())
        for weight in program.weights():
            array = np.ascontiguousarray(np.asarray(weight))
            found.update(f"{array.dtype}{array.shape}".encode())
            found.update(array.tobytes())
    return found.hexdigest()


def _view(member: Any) -> list[str]:
    """How a member of an ensemble sees sequences."""
    view = getattr(member, "view", None)
    return [] if view is None else [repr(view), repr(sorted(member.mirrored))]
