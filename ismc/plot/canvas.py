"""Axes without pyplot, coordinates and colours, shared by all panels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ismc.io.extras import extras

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ticker import MaxNLocator

TASKS = (
    "#1b6ca8", "#c8553d", "#4f772d", "#7b2cbf", "#b08900", "#2a9d8f", "#8d5524", "#6c757d",
)  # fmt: skip
"""Colours of tasks."""

BASES = {"A": "#2e9e4f", "C": "#1f5fbf", "G": "#f2a516", "T": "#d7263d"}
"""Colours of letters, as in sequence logos."""

Array = np.ndarray
GAP = "0.88"
HEAD = {"fontsize": 10, "loc": "left", "parse_math": False}
"""Settings of titles; names of records may contain any character, so math is not parsed."""

LABEL = 9
TICK = 8


def axes_of(ax: Axes | None, width: int, height: float) -> Axes:
    """The given axes, or those of a new figure.

    Args:
        ax: the axes, or ``None``.
        width: positions to show.
        height: inches of a new figure.

    Raises:
        IsmcError: when matplotlib is missing.
    """
    if ax is not None:
        return ax
    with extras():
        from matplotlib.figure import Figure
    return Figure(figsize=(breadth(width), height), layout="constrained").subplots()


def breadth(width: int) -> float:
    """The width in inches of a figure of ``width`` positions; short windows stay readable."""
    return min(max(2.0 + 0.07 * width, 6.0), 16.0)


def label_positions(ax: Axes, first: int, width: int, name: str = "") -> None:
    """Labels the x axis with positions and limits it to them, half a position wider at each end."""
    from matplotlib.ticker import StrMethodFormatter

    ax.set_xlim(first - 0.5, first + width - 0.5)
    ax.xaxis.set_major_locator(_locator(9, integer=True))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.set_xlabel(position_label(name), fontsize=LABEL, parse_math=False)
    ax.tick_params(labelsize=TICK)


def position_label(name: str) -> str:
    """The axis label for positions of a chromosome, or of a sequence if ``name`` is empty."""
    return f"{name} position (0-based)".strip()


def ticks(low: float, high: float, count: int = 9, *, integer: bool = False) -> Array:
    """Round numbers from ``low`` to ``high`` in at most ``count`` steps."""
    values = np.asarray(_locator(count, integer=integer).tick_values(low, high))
    return values[(values >= low) & (values <= high)]


def _locator(count: int, *, integer: bool) -> MaxNLocator:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(count, steps=[1, 2, 2.5, 5, 10], integer=integer, min_n_ticks=1)


def remove_spines(ax: Axes) -> None:
    """Removes the top and right spines."""
    ax.spines[["top", "right"]].set_visible(False)


def heading(ax: Axes, title: str) -> None:
    """Sets the title, if it is not empty."""
    if title:
        settings: Any = HEAD
        ax.set_title(title, **settings)


def task_colour(task: int) -> str:
    """The colour of a task, by its index."""
    return TASKS[task % len(TASKS)]
