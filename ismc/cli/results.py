"""`ismc convert`, `ismc plot` and `ismc report` on the command line: what is made of a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ismc.cli.reporting import reporting

StoreFolder = Annotated[
    Path, typer.Argument(metavar="STORE", help="A folder .zarr that ismc run wrote.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]


def _target(text: str) -> Any:
    return typer.Option("--output", "-o", metavar="FILE", help=text)


def convert(
    store: StoreFolder,
    output: Annotated[Path, _target("The file to write.")],
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="FORMAT", help="By the suffix of the file by default."),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option("--outputs", metavar="NAME", help="The output, where a format holds one."),
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", metavar="I", help="One number of its score, from 0.")
    ] = None,
    sizes: Annotated[
        Path | None,
        typer.Option("--sizes", metavar="FILE", help="Lengths of chromosomes, for bigwig."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the scores of a store as another program reads them."""
    with reporting():
        from ismc.cli.convert import convert as convert_store

        said = convert_store(
            store, output, to, output=head, task=task, sizes=sizes, overwrite=overwrite
        )
        print(said)


def plot(
    store: StoreFolder,
    output: Annotated[Path, _target("The figure: .png, .pdf, .svg, ..")],
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind", metavar="KIND", help="all, heatmap, track, logo, clustermap or lollipop."
        ),
    ] = None,
    record: Annotated[
        str | None, typer.Option("--record", metavar="NAME", help="Its name, or number from 0.")
    ] = None,
    head: Annotated[
        str | None, typer.Option("--outputs", metavar="NAME", help="The output of the model.")
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", metavar="I", help="One number of its score, from 0.")
    ] = None,
    start: Annotated[
        int | None, typer.Option("--start", metavar="N", help="First position that is shown.")
    ] = None,
    end: Annotated[
        int | None, typer.Option("--end", metavar="N", help="The position after the last.")
    ] = None,
    variants: Annotated[
        Path | None,
        typer.Option("--variants", metavar="FILE", help="A table .tsv, for --kind lollipop."),
    ] = None,
    column: Annotated[
        str | None, typer.Option("--column", metavar="NAME", help="Its column of scores.")
    ] = None,
    signed: Annotated[
        bool, typer.Option("--signed", help="Letters show what they contribute.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Draw one record: heat-map, importance, logo, cluster map of tasks, variants."""
    with reporting():
        from ismc.cli.plot import plot as draw

        said = draw(
            store, output, kind=kind, record=record, output=head, task=task, start=start, end=end,
            variants=variants, column=column, signed=signed, overwrite=overwrite,
        )  # fmt: skip
        print(said)


def report(
    store: StoreFolder,
    output: Annotated[Path, _target("The page, a file .html.")],
    heads: Annotated[
        list[str] | None, typer.Option("--outputs", metavar="NAME", help="May be repeated.")
    ] = None,
    tasks: Annotated[
        list[int] | None,
        typer.Option("--task", metavar="I", help="A number of each score; may be repeated."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write one page to look at: heat-maps, logos and the strongest sites of every record."""
    with reporting():
        from ismc.cli.report import report as write

        print(write(store, output, output=heads, task=tasks, overwrite=overwrite))
