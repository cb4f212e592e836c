"""The interface of the predecessor, fastISM, on top of ismc: change one import.

The names, arguments and results are those of fastISM; `docs/migrating.md` says what differs.
"""

from ismc.fastism import fast_ism_utils
from ismc.fastism.scan import FastISM, NaiveISM

__all__ = ["FastISM", "NaiveISM", "fast_ism_utils"]
