"""`ismc plot`: figures of one record of a store."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ismc.cli.plot_record import SelectedRecord, select_record
from ismc.cli.plot_variants import of_store, of_table
from ismc.errors import InputError
from ismc.io.stores.store import Store, open_store
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
    """Draws one record of a store and returns a summary.

    Args:
        store_path: a store, a folder ``.zarr`` that `ismc run` wrote.
        target: the figure; its suffix is one of matplotlib's formats.
        kind: one of `KINDS`; ``all`` is heat-map, importance and logo. By default ``lollipop`` for
            variants, else ``all``.
        record: the name or the number, from 0, of the record; optional for a single record.
        output: the name of the output; by default the only or first.
        task: the index of the task, from 0, for an output with several; as in ``3,0`` for several
            axes.
        start: the first position to show, from 0; by default the first site.
        end: the position after the last.
        variants: for ``lollipop``: a table of variants, see `ismc.plot.table`; not for a store of
            variants.
        column: for ``lollipop``: the column of scores in the table.
        signed: draw letters as high as their contribution instead of their importance.
        overwrite: replace an existing file.

    Raises:
        IsmcError: when a file or an option is invalid; no partial file remains.
    """
    from ismc.plot.files import save, suffixes

    check_target(target, suffixes(), overwrite=overwrite)
    kind = _kind(kind, variants, column, task)
    store = open_store(store_path)
    if store.facts.slots:
        if kind not in ("", "lollipop") or variants or start is not None or end is not None:
            raise InputError(
                f"The store {store_path} holds variants, expected scores at all sites for these "
                "options.",
                hint="Draw variants with --kind lollipop, without --variants, --start and --end.",
            )
        figure, summary = _draw_stored_variants(store, record, output, task)
    else:
        shown = select_record(store, record, output, start, end)
        figure, summary = _draw_record(kind or "all", shown, task, signed, variants, column)
    save(figure, target)
    return f"{target} ({target.stat().st_size:,} bytes): {summary}"


def _kind(kind: str | None, variants: Path | None, column: str | None, task: str | None) -> str:
    """The kind of figure, or ``""`` if the store decides; checks the options that need no store.

    Raises:
        InputError: when the kind does not exist, or does not take an option.
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
        raise InputError(
            "--column has no table, expected --variants too.", hint="Add --variants FILE.tsv."
        )
    if kind == "clustermap" and task is not None:
        raise InputError(
            "--task is given, expected none: a cluster map shows all tasks of an output.",
            hint="Leave out --task.",
        )
    return kind


def _draw_record(
    kind: str,
    shown: SelectedRecord,
    task: str | None,
    signed: bool,
    path: Path | None,
    column: str | None,
) -> tuple[Figure, str]:
    """The figure of a record, and a summary."""
    import ismc.plot as plots
    from ismc.plot.canvas import TASKS

    options: dict[str, Any] = {"sites": shown.sites, "start": shown.start, "chrom": shown.chrom}
    options["one_hot"] = shown.one_hot
    if kind == "clustermap" or (kind == "track" and task is None and shown.shape):
        task_scores, names = shown.of_tasks(None if kind == "clustermap" else len(TASKS))
        options |= {"tasks": names, "title": f"{shown.name}: {shown.output}"}
        if kind == "clustermap":
            figure = plots.clustermap(task_scores, **options).figure
        else:
            figure = _figure_of(plots.track(task_scores, **options))
        return figure, f"{kind} of {shown.describe(shown.output)}"
    scores, label = shown.of_task(task)
    summary = f"{kind} of {shown.describe(label)}"
    options["title"] = f"{shown.name}: {label}"
    if kind == "lollipop":
        if path is None:
            raise InputError(
                "There are no variants for --kind lollipop, expected a table.",
                hint="Name one with --variants FILE.tsv: chrom, pos, ref, alt and a score.",
            )
        drawn = of_table(path, column, shown, label)
        region = window(scores, shown.one_hot, shown.sites, shown.start)
        axes = plots.lollipops(
            drawn.rows,
            region.importance,
            region.first,
            label=drawn.column,
            title=options["title"],
            chrom=shown.chrom,
        )
        return _figure_of(axes), f"{summary}: {drawn}"
    colours: dict[str, Any] = {"signed": shown.signed, "label": shown.score}
    if kind == "heatmap":
        return _figure_of(plots.heatmap(scores, **options, **colours)), summary
    if kind == "track":
        return _figure_of(plots.track(scores, **options)), summary
    if signed and not shown.signed:
        raise InputError(
            f"The score {shown.score} is unsigned, expected a signed score for contributions.",
            hint="Leave out --signed; letters are then as high as their importance.",
        )
    if kind == "logo":
        return _figure_of(plots.logo(scores, **options, signed=signed)), summary
    return plots.figure(scores, **options, **colours, contributions=signed), summary


def _draw_stored_variants(
    store: Store, record: str | None, output: str | None, task: str | None
) -> tuple[Figure, str]:
    """The figure of one window of a store of variants, and a summary."""
    from ismc.plot import lollipops

    drawn, name, chrom, label = of_store(store, record, output, task)
    axes = lollipops(drawn.rows, label=drawn.column, title=f"{name}: {label}", chrom=chrom)
    return _figure_of(axes), f"lollipop of {name}, {label}: {drawn}"


def _figure_of(axes: Axes) -> Figure:
    """The figure that contains the axes."""
    figure: Any = axes.figure
    return figure
