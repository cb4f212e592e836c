"""The commands `ismc convert`, `ismc plot` and `ismc report`, which read a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ismc.cli.reporting import reporting

StoreFolder = Annotated[
    Path, typer.Argument(metavar="STORE", help="A folder .zarr that ismc run wrote.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]


def _target(text: str) -> Any:
    """The option for the file to write."""
    return typer.Option("--out", "-o", metavar="FILE", help=text)


def convert(
    store: StoreFolder,
    out: Annotated[Path, _target("The file to write, or a prefix of several files.")],
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="FORMAT", help="The format; by default the suffix decides."),
    ] = None,
    model_output: Annotated[
        str | None,
        typer.Option(
            "--model-output", metavar="NAME", help="The output, for a format that holds one."
        ),
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", metavar="I", help="The task of the output, from 0.")
    ] = None,
    sizes: Annotated[
        Path | None,
        typer.Option("--sizes", metavar="FILE", help="Chromosome lengths, for bigwig."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the scores of a store in the format of another program."""
    with reporting():
        from ismc.cli.convert import convert as convert_store

        summary = convert_store(
            store, out, to, output=model_output, task=task, sizes=sizes, overwrite=overwrite
        )
        print(summary)


def plot(
    store: StoreFolder,
    out: Annotated[Path, _target("The figure: .png, .pdf, .svg, ..")],
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind", metavar="KIND", help="all, heatmap, track, logo, clustermap or lollipop."
        ),
    ] = None,
    record: Annotated[
        str | None,
        typer.Option("--record", metavar="NAME", help="The record: a name, or a number from 0."),
    ] = None,
    model_output: Annotated[
        str | None, typer.Option("--model-output", metavar="NAME", help="The output of the model.")
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", metavar="I", help="The task of the output, from 0.")
    ] = None,
    start: Annotated[
        int | None, typer.Option("--start", metavar="N", help="First position to show.")
    ] = None,
    end: Annotated[
        int | None, typer.Option("--end", metavar="N", help="Position after the last.")
    ] = None,
    variants: Annotated[
        Path | None,
        typer.Option("--variants", metavar="FILE", help="A table .tsv, for --kind lollipop."),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option("--column", metavar="NAME", help="The column of scores in --variants."),
    ] = None,
    signed: Annotated[
        bool, typer.Option("--signed", help="Draw contributions instead of importance as letters.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Draw one record: heat-map, importance, logo, cluster map of tasks, variants."""
    with reporting():
        from ismc.cli.plot import plot as draw

        summary = draw(
            store, out, kind=kind, record=record, output=model_output, task=task, start=start,
            end=end, variants=variants, column=column, signed=signed, overwrite=overwrite,
        )  # fmt: skip
        print(summary)


def report(
    store: StoreFolder,
    out: Annotated[Path, _target("The page, a file .html.")],
    model_outputs: Annotated[
        list[str] | None,
        typer.Option("--model-output", metavar="NAME", help="An output; may be repeated."),
    ] = None,
    tasks: Annotated[
        list[int] | None,
        typer.Option("--task", metavar="I", help="A task of each output; may be repeated."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write one interactive page with heat-maps, logos and the strongest sites of every record."""
    with reporting():
        from ismc.cli.report import report as write

        print(write(store, out, output=model_outputs, task=tasks, overwrite=overwrite))
