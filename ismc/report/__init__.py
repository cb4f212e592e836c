"""A store of scores as one page to look at: `ismc report`."""

from ismc.report.page import write_page
from ismc.report.tracks import Track, chosen

__all__ = ["Track", "chosen", "write_page"]
