"""Figures that stack several panels of one sequence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ismc.errors import InputError
from ismc.io.extras import extras
from ismc.plot.canvas import LABEL, TICK, breadth, task_colour
from ismc.plot.heat_maps import heatmap
from ismc.plot.importance import LETTERS, importance
from ismc.plot.logos import logo
from ismc.plot.tracks import track
from ismc.plot.window import window

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray
PANELS: Mapping[str, tuple[Callable[..., Axes], float]] = {
    "heatmap": (heatmap, 1.5),
    "track": (track, 1.5),
    "logo": (logo, 1.4),
}
"""The panels of `figure`, with their heights in inches."""

FLANK = 12


def figure(
    scores: Array,
    one_hot: Array,
    *,
    kinds: Sequence[str] = tuple(PANELS),
    sites: Array | None = None,
    start: int = 0,
    signed: bool | None = None,
    contributions: bool = False,
    label: str = "mutant - reference",
    title: str = "",
    chrom: str = "",
) -> Figure:
    """Heat-map, importance and logo of one sequence, on a common axis of positions.

    Args:
        scores: ``[S, 4]``.
        one_hot: ``[L, 4]`` the sequence, channels A, C, G, T, zeros for N.
        kinds: the panels, from the top.
        sites: ``[S]`` positions or ``[S, 2]`` ranges of one position; by default all positions.
        start: the coordinate of position 0, for instance in a genome.
        signed: see `heatmap`.
        contributions: draw contributions in the logo, see ``signed`` of `logo`.
        label: the score and its unit.
        title: the title of the figure.
        chrom: the chromosome, shown in the axis label.

    Raises:
        InputError: when the shapes do not match, or a panel does not exist.
        IsmcError: when matplotlib or logomaker is missing.
    """
    if not kinds or not set(kinds) <= set(PANELS):
        raise InputError(
            f"kinds is {list(kinds)}, expected one or more of {', '.join(PANELS)}.",
            hint="Name the panels, from the top.",
        )
    shown = window(scores, one_hot, sites, start)
    with extras():
        from matplotlib.figure import Figure
    heights = [PANELS[kind][1] for kind in kinds]
    size = breadth(len(shown)), sum(heights) + 0.6
    panels = Figure(figsize=size, layout="constrained")
    axes = panels.subplots(len(kinds), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    settings: dict[str, dict[str, Any]] = {
        "heatmap": {"signed": signed, "label": label},
        "logo": {"signed": contributions},
    }
    for ax, kind in zip(axes, kinds, strict=True):
        PANELS[kind][0](scores, one_hot, sites, start, ax, chrom=chrom, **settings.get(kind, {}))
    for ax in axes[:-1]:
        ax.set_xlabel("")
    if title:
        panels.suptitle(title, fontsize=11, parse_math=False)
    return panels


def plot_saturation(
    scores: Array,
    one_hot: Array,
    *,
    tasks: Sequence[str],
    zooms: Sequence[tuple[int, int, int]] = (),
    title: str = "",
) -> Figure:
    """A heat-map for each task, an importance track of all tasks, and logos of chosen ranges.

    Args:
        scores: ``[L, 4, tasks]`` mutant minus reference.
        one_hot: ``[L, 4]`` the sequence, channels A, C, G, T.
        tasks: a name for each task.
        zooms: ``(start, stop, task index)`` of each logo; twelve positions are added on each side.
        title: the title of the figure.

    Raises:
        InputError: when the shapes do not match.
        IsmcError: when matplotlib or logomaker is missing.
    """
    expected = (len(one_hot), len(LETTERS), len(tasks))
    if np.shape(one_hot) != expected[:2] or np.shape(scores) != expected:
        raise InputError(
            f"The scores have the shape {list(np.shape(scores))} and the sequence "
            f"{list(np.shape(one_hot))}, expected [L, 4, {len(tasks)}] and [L, 4].",
            hint="Take one sequence of the batch, and name every task.",
        )
    with extras():
        import logomaker  # noqa: F401
        from matplotlib.figure import Figure
    count, height = len(tasks), 1.9 * len(tasks) + 1.7
    canvas = Figure(figsize=(14, height + (2.4 if zooms else 0)), layout="constrained")
    upper: Any = canvas
    lower: Any = None
    if zooms:
        halves: Any = canvas.subfigures(2, 1, height_ratios=[height, 2.4])
        upper, lower = halves
    axes = upper.subplots(count + 1, 1, sharex=True, height_ratios=[1.0] * count + [1.1])
    if title:
        canvas.suptitle(title, fontsize=13, parse_math=False)
    for i, task in enumerate(tasks):
        text = f"{task}: change of the prediction"
        heatmap(scores[:, :, i], one_hot, ax=axes[i], signed=True, title=text)
        axes[i].set_xlabel("")
    track(scores, one_hot, ax=axes[-1], tasks=tasks)
    _name_zooms(axes[-1], importance(scores, one_hot), one_hot, zooms)
    if zooms:
        panels = lower.subplots(1, len(zooms), squeeze=False)[0]
        for panel, zoom in zip(panels, zooms, strict=True):
            _zoom(panel, scores, one_hot, tasks, zoom)
    return canvas


def _name_zooms(
    axes: Axes, tracks: Array, one_hot: Array, zooms: Sequence[tuple[int, int, int]]
) -> None:
    """Writes the letters of each zoom above its peak."""
    top = max(float(tracks.max()), 1e-12)
    last, level = -np.inf, 0
    for start, stop, task in sorted(zooms):
        level = level + 1 if start - last < 0.09 * len(tracks) else 0
        last = start
        text = "".join(LETTERS[i] for i in one_hot[start:stop].argmax(1))
        axes.annotate(
            f"{text} {start}",
            (start, tracks[start:stop, task].max()),
            (start, top * (1.12 + 0.2 * level)),
            fontsize=TICK,
            ha="center",
            color=task_colour(task),
            arrowprops={"arrowstyle": "-", "color": task_colour(task), "linewidth": 0.6},
        )
    axes.set_ylim(0, top * 1.75)


def _zoom(
    axes: Axes, scores: Array, one_hot: Array, tasks: Sequence[str], zoom: tuple[int, int, int]
) -> None:
    """Draws the logo of one zoom and its flanks."""
    start, stop, task = zoom
    first, last = max(0, start - FLANK), min(len(scores), stop + FLANK)
    logo(scores[first:last, :, task], one_hot, np.arange(first, last), ax=axes)
    span = {"color": task_colour(task), "alpha": 0.1, "linewidth": 0, "zorder": -1}
    axes.axvspan(start - 0.5, stop - 0.5, **span)
    axes.set_title(
        f"{tasks[task]} at {start}", fontsize=10, color=task_colour(task), parse_math=False
    )
    axes.set_xticks([first, start, stop - 1, last - 1])
    axes.set_ylabel("importance", fontsize=LABEL)
