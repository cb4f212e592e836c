"""Which scores are ismc's own, and data that tells these."""

from __future__ import annotations

from typing import Any

from ismc.artifacts.cache.fingerprint import FingerprintError, plain_data
from ismc.scores.registry import OWN
from ismc.scores.score import Score


def score_data(score: Any) -> Any:
    """Plain data of one of ismc's scores with its settings, or of none.

    Raises:
        FingerprintError: for a score of the user's.
    """
    if score is None:
        return None
    own = {found.name: found for found in OWN}
    known = own.get(score.name) if type(score) is Score else None
    if known is None or (known.function, known.across) != (score.function, score.across):
        raise FingerprintError(f"the score {score!r}, which is not ismc's own")
    return plain_data([score.name, dict(score.parameters), score.targets, score.track])
