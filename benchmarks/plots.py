"""The pictures of `docs/benchmarks.md`, drawn from committed results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.patches import Patch
from matplotlib.ticker import NullFormatter

Record = dict[str, Any]

COLOURS = {"naive": "#8a8f98", "fastism": "#4c78a8", "tangermeme": "#e0a030", "yuzu": "#7a5195"}
NAMES = {
    "naive": "best naive form",
    "fastism": "fastISM",
    "tangermeme": "tangermeme",
    "yuzu": "yuzu",
}
OURS = "#c03a2b"
STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.dpi": 110,
}


def bars(results: Record, file: Path) -> None:
    """How many times faster ismc is than each side, one group of bars for each row."""
    rows = [row for row in results["rows"] if row["speedups"]]
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(8, 0.55 * len(rows) + 1.2), layout="constrained")
        for i, row in enumerate(rows):
            sides = [side for side in COLOURS if side in row["speedups"]]
            height = 0.8 / len(sides)
            for j, side in enumerate(sides):
                value, y = row["speedups"][side], i - 0.4 + height * (j + 0.5)
                axes.barh(y, value, 0.92 * height, color=COLOURS[side])
                axes.annotate(
                    f"{value:.1f}",
                    (value, y),
                    (3, 0),
                    textcoords="offset points",
                    va="center",
                    size=7,
                )
        axes.axvline(1, color="black", linewidth=0.8)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_yticks(range(len(rows)), [row["title"] for row in rows])
        axes.invert_yaxis()
        axes.set_xlabel(f"times faster than .., {_where(results)}")
        shown = [side for side in COLOURS if any(side in row["speedups"] for row in rows)]
        handles = [Patch(color=COLOURS[side]) for side in shown]
        labels = [NAMES[side] for side in shown]
        axes.legend(
            handles,
            labels,
            frameon=False,
            ncols=len(shown),
            loc="lower right",
            bbox_to_anchor=(1, 1),
        )
        figure.savefig(file)
        plt.close(figure)


def lines(results: Record, file: Path) -> None:
    """Seconds against length, batch, kernel and depth, with the naive program beside them."""
    points = results["points"]
    names = list(dict.fromkeys(point["axis"] for point in points))
    with mpl.rc_context(STYLE):
        figure, grid = plt.subplots(
            1, len(names), figsize=(3 * len(names), 3), layout="constrained", squeeze=False
        )
        for axes, name in zip(grid[0], names, strict=True):
            mine = [point for point in points if point["axis"] == name]
            x = [point["value"] for point in mine]
            axes.plot(
                x,
                [p["naive_seconds"] for p in mine],
                "o-",
                color=COLOURS["naive"],
                label=NAMES["naive"],
            )
            axes.plot(x, [p["ismc_seconds"] for p in mine], "o-", color=OURS, label="ismc")
            axes.set_yscale("log")
            if name in ("length", "batch"):
                axes.set_xscale("log", base=2)
            axes.set_xticks(x, [str(value) for value in x], rotation=45)
            axes.minorticks_off()
            axes.set_xlabel(name)
            axes.set_title(mine[0]["title"], size=9)
        grid[0][0].set_ylabel(f"seconds, {_where(results)}")
        grid[0][0].legend(frameon=False)
        figure.savefig(file)
        plt.close(figure)


def _where(results: Record) -> str:
    about = results["machine"]
    return f"{about['processor']}, {about['cores']} cores"
