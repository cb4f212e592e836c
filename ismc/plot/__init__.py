"""Figures of scores: NumPy arrays in, matplotlib figures out; pyplot and a display are not needed.

``S`` sites of one position each, ``L`` positions of the sequence, ``T`` tasks, the letters ACGT.
"""

from ismc.plot.clusters import clustermap
from ismc.plot.figures import figure, plot_saturation
from ismc.plot.heat_maps import heatmap
from ismc.plot.importance import contribution, importance
from ismc.plot.logos import logo
from ismc.plot.lollipops import lollipops
from ismc.plot.tracks import track

__all__ = [
    "clustermap",
    "contribution",
    "figure",
    "heatmap",
    "importance",
    "logo",
    "lollipops",
    "plot_saturation",
    "track",
]
