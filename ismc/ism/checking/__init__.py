"""The check of a run: the model itself computes a few mutants, for comparison."""

from ismc.ism.checking.check import Checks, mode_of
from ismc.ism.checking.predict import predicted

__all__ = ["Checks", "mode_of", "predicted"]
