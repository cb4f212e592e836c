"""The interface of the predecessor fastISM, implemented with ismc: only the import changes.

Names, arguments and results are those of fastISM; `docs/migrating.md` lists the differences.
"""

from ismc.fastism import fast_ism_utils
from ismc.fastism.scan import FastISM, NaiveISM

__all__ = ["FastISM", "NaiveISM", "fast_ism_utils"]
