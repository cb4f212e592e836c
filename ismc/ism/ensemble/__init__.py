"""Ensembles: scores averaged over several models, both strands, and shifts."""

from ismc.ism.ensemble.average import Ensemble
from ismc.ism.ensemble.make import make_ensemble

__all__ = ["Ensemble", "make_ensemble"]
