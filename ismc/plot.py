"""Figures of a saturation scan: heat-map, importance, and logos of the strongest sites."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ismc.errors import InputError, IsmcError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LETTERS = "ACGT"
COLOURS = ("#1b6ca8", "#c8553d", "#4f772d", "#7b2cbf", "#b08900")
FLANK = 12

Array = np.ndarray


def plot_saturation(
    scores: Array,
    one_hot: Array,
    *,
    tasks: Sequence[str],
    zooms: Sequence[tuple[int, int, int]] = (),
    title: str = "",
) -> Figure:
    """A heat-map and an importance track for each task, and logos of chosen places.

    Args:
        scores: ``[L, 4, tasks]`` mutant minus reference.
        one_hot: ``[L, 4]`` the sequence, channels A, C, G, T.
        tasks: a name for each task.
        zooms: ``(start, stop, task index)`` of each logo; twelve positions are added on each side.
        title: printed above.

    Raises:
        InputError: when the shapes do not fit together.
        IsmcError: when matplotlib or logomaker is missing.
    """
    _check(scores, one_hot, tasks)
    try:
        import logomaker
        from matplotlib.figure import Figure
    except ImportError as error:
        raise IsmcError(
            f"The module {error.name!r} is missing, which figures need.",
            hint="pip install 'ismc[plot]'",
        ) from error
    count, height = len(tasks), 1.9 * len(tasks) + 1.7
    figure = Figure(figsize=(14, height + (2.4 if zooms else 0)), layout="constrained")
    upper: Any = figure
    lower: Any = None
    if zooms:
        parts: Any = figure.subfigures(2, 1, height_ratios=[height, 2.4])
        upper, lower = parts
    axes = upper.subplots(count + 1, 1, sharex=True, height_ratios=[1.0] * count + [1.1])
    if title:
        figure.suptitle(title, fontsize=13)
    for i, task in enumerate(tasks):
        _heat_map(figure, axes[i], scores[:, :, i], task)
    _tracks(axes[-1], scores, one_hot, tasks, zooms)
    if zooms:
        panels = lower.subplots(1, len(zooms), squeeze=False)[0]
        for panel, zoom in zip(panels, zooms, strict=True):
            _logo(logomaker, panel, scores, one_hot, tasks, zoom)
    return figure


def _check(scores: Array, one_hot: Array, tasks: Sequence[str]) -> None:
    length = len(one_hot)
    wanted = (length, len(LETTERS), len(tasks))
    if np.shape(one_hot) != wanted[:2] or np.shape(scores) != wanted:
        raise InputError(
            f"The scores have the shape {list(np.shape(scores))} and the sequence "
            f"{list(np.shape(one_hot))}, expected [L, 4, {len(tasks)}] and [L, 4].",
            hint="Take one sequence of the batch, and name every task.",
        )


def _heat_map(figure: Any, axes: Axes, scores: Array, task: str) -> None:
    """Letters by positions, symmetric around zero."""
    limit = max(float(np.abs(scores).max()), 1e-12)
    image = axes.imshow(
        scores.T,
        aspect="auto",
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        interpolation="none",
        extent=(-0.5, len(scores) - 0.5, 3.5, -0.5),
    )
    axes.set_yticks(range(len(LETTERS)), LETTERS, fontsize=8)
    axes.set_title(f"{task}: change of the prediction", fontsize=10, loc="left")
    bar = figure.colorbar(image, ax=axes, pad=0.01, aspect=8)
    bar.ax.tick_params(labelsize=8)
    bar.set_label("mutant - reference", fontsize=8)


def _tracks(
    axes: Axes,
    scores: Array,
    one_hot: Array,
    tasks: Sequence[str],
    zooms: Sequence[tuple[int, int, int]],
) -> None:
    """Importance of every position, one line for each task; the zooms are labelled."""
    tracks = np.sqrt((scores**2).sum(1) / (len(LETTERS) - 1))
    for i, task in enumerate(tasks):
        axes.plot(tracks[:, i], color=_colour(i), linewidth=0.9, label=task)
    top = max(float(tracks.max()), 1e-12)
    last, level = -np.inf, 0
    for start, stop, task in sorted(zooms):
        level = level + 1 if start - last < 0.09 * len(scores) else 0
        last = start
        text = "".join(LETTERS[i] for i in one_hot[start:stop].argmax(1))
        axes.annotate(
            f"{text} {start}",
            (start, tracks[start:stop, task].max()),
            (start, top * (1.12 + 0.2 * level)),
            fontsize=8,
            ha="center",
            color=_colour(task),
            arrowprops={"arrowstyle": "-", "color": _colour(task), "linewidth": 0.6},
        )
    axes.set_ylim(0, top * 1.75)
    axes.set_xlim(-0.5, len(scores) - 0.5)
    axes.set_ylabel("importance", fontsize=9)
    axes.set_xlabel("position (0-based)", fontsize=9)
    axes.legend(loc="upper right", fontsize=8, frameon=False, ncols=len(tasks))
    axes.spines[["top", "right"]].set_visible(False)


def _logo(
    logomaker: Any,
    axes: Axes,
    scores: Array,
    one_hot: Array,
    tasks: Sequence[str],
    zoom: tuple[int, int, int],
) -> None:
    """Importance times the sequence around one place."""
    import pandas

    start, stop, task = zoom
    first, last = max(0, start - FLANK), min(len(scores), stop + FLANK)
    track = np.sqrt((scores[first:last, :, task] ** 2).sum(1) / (len(LETTERS) - 1))
    frame = pandas.DataFrame(track[:, None] * one_hot[first:last], columns=list(LETTERS))
    frame.index = range(first, last)
    logomaker.Logo(frame, ax=axes, color_scheme="classic")
    axes.axvspan(start - 0.5, stop - 0.5, color=_colour(task), alpha=0.1, linewidth=0)
    axes.set_title(f"{tasks[task]} at {start}", fontsize=10, color=_colour(task))
    axes.set_xticks([first, start, stop - 1, last - 1])
    axes.set_xlabel("position (0-based)", fontsize=9)
    axes.set_ylabel("importance", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _colour(task: int) -> str:
    return COLOURS[task % len(COLOURS)]
