"""Digests that tell models apart, whatever file they came from."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np


def model_digest(ism: Any) -> str:
    """SHA-256 over programs and weights of what is called; of all members of an ensemble."""
    found = sha256()
    for member in getattr(ism, "members", None) or [ism]:
        plan = getattr(member, "plan", None)
        if plan is None:
            found.update(model_digest(member).encode())
            continue
        for text in (plan.digest, getattr(member, "key", ""), getattr(member, "score_name", "")):
            found.update(f"{text}\n".encode())
        for weight in member.weights():
            array = np.ascontiguousarray(np.asarray(weight))
            found.update(f"{array.dtype}{array.shape}".encode())
            found.update(array.tobytes())
    return found.hexdigest()
