"""Scores averaged over members: several models, both strands, shifts."""

from ismc.ism.ensemble.average import Ensemble
from ismc.ism.ensemble.make import ensemble

__all__ = ["Ensemble", "ensemble"]
