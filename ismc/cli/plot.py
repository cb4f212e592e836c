"""`ismc plot`: figures of one record of a store."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ismc.cli.plot_record import Chosen, chosen
from ismc.cli.plot_variants import of_store, of_table
from ismc.errors import InputError
from ismc.io.stores.store import Store, opened
from ismc.io.targets import check_target
from ismc.plot.window import window

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = ("all", "heatmap", "track", "logo", "clustermap", "lollipop")


def plot(
    store_path: Path,
    target: Path,
    *,
    kind: str | None = None,
    record: str | None = None,
    output: str | None = None,
    task: str | None = None,
    start: int | None = None,
    end: int | None = None,
    variants: Path | None = None,
    column: str | None = None,
    signed: bool = False,
    overwrite: bool = False,
) -> str:
    """Draws one record of a store, and says what was drawn.

    Args:
        store_path: a folder `.zarr` that `ismc run` has written.
        target: the file; its suffix is one of matplotlib's formats.
        kind: of `KINDS`; ``all`` is heat-map, importance and logo. By default ``lollipop`` for
            variants, else ``all``.
        record: its name or its number, counted from 0; the only one by default.
        output: its name; the only or first by default.
        task: which number of an output with several, from 0; of several axes, as in ``3,0``.
        start: the first position of the sequence that is shown, from 0; the first site by default.
        end: the position after the last.
        variants: of ``lollipop``: a table of variants, see `ismc.plot.table`; not needed for a
            store of variants.
        column: of ``lollipop``: the column of scores in the table.
        signed: letters of logos are as high as what they contribute, in the place of importance.
        overwrite: whether a file that is there is replaced.

    Raises:
        IsmcError: when a file or an option does not fit; nothing is left half-written.
    """
    from ismc.plot.files import save, suffixes

    check_target(target, suffixes(), overwrite=overwrite)
    kind = _kind(kind, variants, column, task)
    store = opened(store_path)
    if store.facts.slots:
        if kind not in ("", "lollipop") or variants or start is not None or end is not None:
            raise InputError(
                f"The store {store_path} holds variants, expected scores at all sites for this.",
                hint="Draw them with --kind lollipop, and no other table or window.",
            )
        figure, said = _own_variants(store, record, output, task)
    else:
        shown = chosen(store, record, output, start, end)
        figure, said = _drawn(kind or "all", shown, task, signed, variants, column)
    save(figure, target)
    return f"{target} ({target.stat().st_size:,} bytes): {said}"


def _kind(kind: str | None, variants: Path | None, column: str | None, task: str | None) -> str:
    """The kind, or nothing where the store decides; what needs no store is checked.

    Raises:
        InputError: when there is no such kind, or it does not take an option.
    """
    kind = kind or ("lollipop" if variants else "")
    if kind and kind not in KINDS:
        near = get_close_matches(kind, KINDS, 1)
        raise InputError(
            f"There is no kind {kind!r}, expected one of {', '.join(KINDS)}.",
            hint=f"Did you mean {near[0]}?" if near else "Choose one with --kind.",
        )
    if kind != "lollipop" and (variants or column):
        raise InputError(
            f"--variants and --column are for --kind lollipop, not for {kind or 'all'}.",
            hint="Add --kind lollipop.",
        )
    if column and not variants:
        raise InputError("--column has no table, expected one.", hint="Add --variants FILE.tsv.")
    if kind == "clustermap" and task is not None:
        raise InputError(
            "--task is given, expected none: a cluster map shows all tasks of an output.",
            hint="Leave out --task.",
        )
    return kind


def _drawn(
    kind: str, shown: Chosen, task: str | None, signed: bool, path: Path | None, column: str | None
) -> tuple[Figure, str]:
    """The figure of a record, and what it shows."""
    import ismc.plot as plots
    from ismc.plot.canvas import TASKS

    here: dict[str, Any] = {"sites": shown.sites, "start": shown.start, "chrom": shown.chrom}
    here["one_hot"] = shown.one_hot
    if kind == "clustermap" or (kind == "track" and task is None and shown.shape):
        several, names = shown.of_tasks(None if kind == "clustermap" else len(TASKS))
        here |= {"tasks": names, "title": f"{shown.name}: {shown.output}"}
        if kind == "clustermap":
            figure = plots.clustermap(several, **here).figure
        else:
            figure = _of(plots.track(several, **here))
        return figure, f"{kind} of {shown.described(shown.output)}"
    scores, label = shown.of_task(task)
    said = f"{kind} of {shown.described(label)}"
    here["title"] = f"{shown.name}: {label}"
    if kind == "lollipop":
        if path is None:
            raise InputError(
                "There are no variants for --kind lollipop, expected a table of them.",
                hint="Name one with --variants FILE.tsv: chrom, pos, ref, alt and a score.",
            )
        found = of_table(path, column, shown, label)
        along = window(scores, shown.one_hot, shown.sites, shown.start)
        axes = plots.lollipops(
            found.rows,
            along.importance,
            along.first,
            label=found.column,
            title=here["title"],
            chrom=shown.chrom,
        )
        return _of(axes), f"{said}: {found}"
    coloured: dict[str, Any] = {"signed": shown.signed, "label": shown.score}
    if kind == "heatmap":
        return _of(plots.heatmap(scores, **here, **coloured)), said
    if kind == "track":
        return _of(plots.track(scores, **here)), said
    if signed and not shown.signed:
        raise InputError(
            f"The score {shown.score} has no sign, expected one for contributions.",
            hint="Leave out --signed; letters are then as high as their importance.",
        )
    if kind == "logo":
        return _of(plots.logo(scores, **here, signed=signed)), said
    return plots.figure(scores, **here, **coloured, contributions=signed), said


def _own_variants(
    store: Store, record: str | None, output: str | None, task: str | None
) -> tuple[Figure, str]:
    """The variants of one window of a store of variants, and what is shown."""
    from ismc.plot import lollipops

    found, name, chrom, label = of_store(store, record, output, task)
    axes = lollipops(found.rows, label=found.column, title=f"{name}: {label}", chrom=chrom)
    return _of(axes), f"lollipop of {name}, {label}: {found}"


def _of(axes: Axes) -> Figure:
    """The figure that axes are in."""
    figure: Any = axes.figure
    return figure
