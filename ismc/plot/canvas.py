"""What all panels share: axes without pyplot, coordinates, colours."""

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
"""Colours of letters, those of sequence logos."""

Array = np.ndarray
GAP = "0.88"
HEAD = {"fontsize": 10, "loc": "left", "parse_math": False}
"""Of titles: names of records may hold any sign."""

LABEL = 9
TICK = 8


def axes_of(ax: Axes | None, width: int, height: float) -> Axes:
    """The axes that were passed, or those of a new figure for so many positions.

    Raises:
        IsmcError: when matplotlib is missing.
    """
    if ax is not None:
        return ax
    with extras():
        from matplotlib.figure import Figure
    return Figure(figsize=(breadth(width), height), layout="constrained").subplots()


def breadth(width: int) -> float:
    """Inches of a figure of so many positions: letters of a short window can be read."""
    return min(max(2.0 + 0.07 * width, 6.0), 16.0)


def place(ax: Axes, first: int, width: int, name: str = "") -> None:
    """Positions along x: whole numbers, written out, with half a position beside the last."""
    from matplotlib.ticker import StrMethodFormatter

    ax.set_xlim(first - 0.5, first + width - 0.5)
    ax.xaxis.set_major_locator(_locator(9, whole=True))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.set_xlabel(along(name), fontsize=LABEL, parse_math=False)
    ax.tick_params(labelsize=TICK)


def along(name: str) -> str:
    """The label of positions of a chromosome, or of a sequence without a name."""
    return f"{name} position (0-based)".strip()


def ticks(low: float, high: float, count: int = 9, *, whole: bool = False) -> Array:
    """Round numbers from low to high, at most so many steps."""
    found = np.asarray(_locator(count, whole=whole).tick_values(low, high))
    return found[(found >= low) & (found <= high)]


def _locator(count: int, *, whole: bool) -> MaxNLocator:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(count, steps=[1, 2, 2.5, 5, 10], integer=whole, min_n_ticks=1)


def bare(ax: Axes) -> None:
    """Without the lines above and on the right."""
    ax.spines[["top", "right"]].set_visible(False)


def heading(ax: Axes, title: str) -> None:
    """The title, if there is one."""
    if title:
        settings: Any = HEAD
        ax.set_title(title, **settings)


def task_colour(task: int) -> str:
    """The colour of a task by its number."""
    return TASKS[task % len(TASKS)]
