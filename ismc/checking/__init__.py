"""A few mutants of a run are also computed by the model itself, and compared."""

from ismc.checking.check import Checks, mode_of
from ismc.checking.predict import predicted
from ismc.checking.rows import checked_rows

__all__ = ["Checks", "checked_rows", "mode_of", "predicted"]
