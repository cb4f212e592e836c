"""Digests that identify a model independently of its file and of the machine."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np


def model_digest(ism: Any) -> str:
    """SHA-256 of the layers, the score and the weights of a program or of all ensemble members.

    It depends on neither the machine, the versions nor the program cache.
    """
    digest = sha256()
    for member in getattr(ism, "members", None) or [ism]:
        program = member.program if hasattr(member, "view") else member
        record = program.record if hasattr(program, "record") else program
        for text in (program.plan.digest, program.score_name, record.identity, *_view(member)):
            digest.update(f"{text}\n".encode())
        for weight in program.weights():
            array = np.ascontiguousarray(np.asarray(weight))
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()


def _view(member: Any) -> list[str]:
    """How an ensemble member transforms its input, as text."""
    view = getattr(member, "view", None)
    return [] if view is None else [repr(view), repr(sorted(member.mirrored))]
