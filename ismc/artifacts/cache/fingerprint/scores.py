"""Scores as data, for keys; only ismc's own scores can be identified without a trace."""

from __future__ import annotations

from typing import Any

from ismc.artifacts.cache.fingerprint import FingerprintError, plain_data
from ismc.scores.registry import OWN
from ismc.scores.score import Score


def score_data(score: Any) -> Any:
    """Plain data of one of ismc's scores with its settings, or ``None`` without a score.

    Raises:
        FingerprintError: for a user's score.
    """
    if score is None:
        return None
    builtins = {builtin.name: builtin for builtin in OWN}
    original = builtins.get(score.name) if type(score) is Score else None
    if original is None or (original.function, original.across) != (score.function, score.across):
        raise FingerprintError(f"the score {score!r}, which is not ismc's own")
    return plain_data([score.name, dict(score.parameters), score.targets, score.track])
