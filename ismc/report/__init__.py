"""A store of scores as one interactive HTML page: `ismc report`."""

from ismc.report.page import write_page
from ismc.report.tracks import Track, choose_tracks

__all__ = ["Track", "choose_tracks", "write_page"]
