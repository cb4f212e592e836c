"""A few mutants of a run are also computed by the model itself, and compared."""

from ismc.ism.checking.check import Checks, mode_of
from ismc.ism.checking.predict import predicted

__all__ = ["Checks", "mode_of", "predicted"]
