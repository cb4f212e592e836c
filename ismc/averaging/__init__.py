"""Scores averaged over members: several models, both strands, shifts."""

from ismc.averaging.average import Ensemble
from ismc.averaging.make import ensemble

__all__ = ["Ensemble", "ensemble"]
