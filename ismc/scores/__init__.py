"""Scores by name: functions of the outputs for a sequence and for its mutants.

In formulas ``r`` is an output for the sequence (the reference), ``m`` the same output for a mutant,
and ``d = m - r``. A name, optionally with settings in brackets, is an argument of
``ismc.compile(model, score=..)``: ``"log2_ratio(pseudocount=0.001, targets=[3, 5], track=mean)"``.
"""

from ismc.scores.parse import parsed, resolved
from ismc.scores.registry import described, named, names, register
from ismc.scores.score import Score

__all__ = ["Score", "described", "named", "names", "parsed", "register", "resolved"]
