"""The commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ismc._version import __version__
from ismc.cli.cache import app as cache_app
from ismc.cli.names import current_name
from ismc.cli.reporting import reporting
from ismc.cli.results import convert, plot, report
from ismc.cli.run_options import run
from ismc.cli.sites import site_range
from ismc.jobs.models import (
    at_length,
    choose_length,
    import_keras,
    load_sequence_model,
    sequence_length,
)

app = typer.Typer(
    name="ismc",
    help="Exact in-silico saturation mutagenesis of Keras models.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"token_normalize_func": current_name},
)
app.add_typer(cache_app)
for command in (run, convert, plot, report):
    app.command()(command)

ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="A model file .keras or .h5.")]
Artifact = Annotated[Path, typer.Argument(metavar="FILE", help="An artifact .ismc.")]
Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "--model-output", metavar="NAME", help="An output; may be repeated; by default all."
    ),
]
Start = Annotated[
    int | None, typer.Option("--start", metavar="N", help="First position, from 0; by default 0.")
]
End = Annotated[
    int | None,
    typer.Option("--end", metavar="N", help="Position after the last; by default the length."),
]
Length = Annotated[
    int | None,
    typer.Option(
        "--length", metavar="N", min=1, help="Sequence length, for a model of any length."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]


def _version(requested: bool) -> None:
    if requested:
        print(f"ismc {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Exact in-silico saturation mutagenesis of Keras models."""
    del version


@app.command()
def explain(
    model: ModelFile,
    outputs: Outputs = None,
    start: Start = None,
    end: End = None,
    length: Length = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Also time the program, statement by statement.")
    ] = False,
    every: Annotated[
        int, typer.Option("--every", metavar="N", min=1, help="Statements per row of --profile.")
    ] = 1,
) -> None:
    """Print how each layer of a model is computed, and why."""
    with reporting():
        loaded = load_sequence_model(model)
        length = sequence_length(loaded) or choose_length(None, length, str(model))
        loaded = at_length(loaded, length)
        from ismc.api import compile as compile_model

        sites = site_range(start, end, length)
        ism = compile_model(loaded, sites=sites, outputs=outputs or None, verify=False)
        print(ism.explain())
        if profile:
            print(f"\n{ism.profile(every=every)}")


@app.command("compile")
def compile_(
    model: ModelFile,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="The artifact .ismc to write.")
    ],
    outputs: Outputs = None,
    start: Start = None,
    end: End = None,
    length: Length = None,
    score: Annotated[
        str, typer.Option("--score", metavar="NAME", help="A name of `ismc scores`.")
    ] = "difference",
    overwrite: Overwrite = False,
) -> None:
    """Compile a model into an artifact, one file that runs without Keras and the model's code."""
    with reporting():
        import_keras()
        from ismc.cli.artifact import compile_model

        print(
            compile_model(
                model,
                out,
                outputs=outputs or (),
                start=start,
                end=end,
                length=length,
                score=score,
                overwrite=overwrite,
            )
        )


@app.command()
def inspect(artifact: Artifact) -> None:
    """Print the contents of an artifact: its plan, versions, sizes and check."""
    with reporting():
        from ismc.cli.artifact import describe_artifact

        print(describe_artifact(artifact))


@app.command()
def scores() -> None:
    """Print the name and formula of every score."""
    with reporting():
        from ismc.scores import described

        print(described())


@app.command()
def demo(
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="The folder to write to.")
    ],
    overwrite: Overwrite = False,
) -> None:
    """Scan a human enhancer with a small model, and write scores and a figure."""
    with reporting():
        import_keras()
        from ismc.demo import run as run_demo  # pyright: ignore

        run_demo(out, overwrite=overwrite)


@app.command()
def calibrate() -> None:
    """Measure the rates that the cost model uses on this machine, and save them."""
    with reporting():
        import_keras()
        from ismc.cli.calibrate import rates_table

        print(rates_table())


@app.command()
def layers() -> None:
    """Print how each layer is handled, as a Markdown table."""
    with reporting():
        import_keras()
        from ismc.cli.layers import layers_table

        print(layers_table(), end="")
