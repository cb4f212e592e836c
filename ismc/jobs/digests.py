"""Digests that identify a model independently of its file and of the machine."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from ismc.ism.calls import ISM
from ismc.ism.ensemble.member import Member


def model_digest(ism: ISM) -> str:
    """SHA-256 of the layers, the score and the weights of a program or of all ensemble members.

    It depends on neither the machine, the versions nor the program cache.
    """
    digest = sha256()
    views = [_view(member) for member in ism.program.members] or [[]]
    for program, view in zip(ism.program.scans, views, strict=True):
        for text in (program.plan.digest, program.score_name, program.identity, *view):
            digest.update(f"{text}\n".encode())
        for weight in program.weights():
            array = np.ascontiguousarray(np.asarray(weight))
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()


def _view(member: Member) -> list[str]:
    """How an ensemble member transforms its input, as text."""
    return [repr(member.view), repr(sorted(member.mirrored))]
