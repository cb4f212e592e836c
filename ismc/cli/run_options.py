"""The command `ismc run` and its options, in groups."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ismc.cli.options import InputOptions, RunOptions
from ismc.cli.reporting import reporting
from ismc.cli.run import run as run_scan
from ismc.errors import InputError
from ismc.jobs.program import ScoringSpec

CHECKS = {"stop": True, "off": False}
SEQUENCES, COMPUTATION, LONG_RUNS = "Sequences", "Computation", "Long runs"


def _option(panel: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=panel, **more)


def run(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...",
            help="A model .keras or .h5, or an artifact .ismc. Several models are averaged.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="OUT",
            help="The store .zarr to write, or a file .h5, .npz or .tsv.",
        ),
    ],
    fasta: Annotated[
        Path | None,
        _option(SEQUENCES, "--fasta", metavar="FILE", help="Sequences: plain, gzip or bgzip."),
    ] = None,
    bed: Annotated[
        Path | None,
        _option(
            SEQUENCES, "--bed", metavar="FILE", help="Regions of --genome, .bed or .narrowPeak."
        ),
    ] = None,
    vcf: Annotated[
        Path | None,
        _option(
            SEQUENCES,
            "--vcf",
            metavar="FILE",
            help="Variants, scored in windows of --genome around them, or in regions of --bed.",
        ),
    ] = None,
    array: Annotated[
        Path | None,
        _option(SEQUENCES, "--array", metavar="FILE", help="One-hot arrays, .npy or .npz."),
    ] = None,
    genome: Annotated[
        Path | None, _option(SEQUENCES, "--genome", metavar="FILE", help="FASTA, plain or bgzip.")
    ] = None,
    length: Annotated[
        int | None,
        _option(
            SEQUENCES,
            "--length",
            metavar="N",
            min=1,
            help="Sequence length, for a model of any length.",
        ),
    ] = None,
    on_error: Annotated[
        Literal["stop", "skip"],
        _option(SEQUENCES, "--on-error", help="Stop at bad records, or skip them."),
    ] = "stop",
    ends: Annotated[
        Literal["pad", "skip"],
        _option(
            SEQUENCES, "--ends", help="Pad regions that reach beyond a chromosome, or skip them."
        ),
    ] = "pad",
    ambiguous: Annotated[
        Literal["error", "n"],
        _option(SEQUENCES, "--ambiguous", help="Treat letters other than ACGTN as errors or as N."),
    ] = "error",
    score: Annotated[
        str,
        _option(
            COMPUTATION,
            "--score",
            metavar="NAME",
            help="A name of `ismc scores`; by default difference.",
        ),
    ] = "",
    outputs: Annotated[
        list[str] | None,
        _option(
            COMPUTATION,
            "--model-output",
            metavar="NAME",
            help="An output; may be repeated; by default all.",
        ),
    ] = None,
    start: Annotated[
        int | None,
        _option(COMPUTATION, "--start", metavar="N", help="First position, from 0; by default 0."),
    ] = None,
    end: Annotated[
        int | None,
        _option(
            COMPUTATION,
            "--end",
            metavar="N",
            help="Position after the last; by default the length.",
        ),
    ] = None,
    sites: Annotated[
        str, _option(COMPUTATION, "--sites", metavar="LIST", help="Positions and ranges: 12,40-60.")
    ] = "",
    reverse_complement: Annotated[
        bool, _option(COMPUTATION, "--reverse-complement", help="Average both strands.")
    ] = False,
    shifts: Annotated[
        str, _option(COMPUTATION, "--shifts", metavar="LIST", help="Average over shifts: -1,0,1.")
    ] = "0",
    resume: Annotated[
        bool, _option(LONG_RUNS, "--resume", help="Continue an interrupted run.")
    ] = False,
    append: Annotated[
        bool, _option(LONG_RUNS, "--append", help="Add the records to an existing store.")
    ] = False,
    shard: Annotated[
        str,
        _option(
            LONG_RUNS, "--shard", metavar="I/N", help="Score part I of N; all share the store."
        ),
    ] = "",
    ray: Annotated[
        bool, _option(LONG_RUNS, "--ray", help="Run on the devices of a Ray cluster.")
    ] = False,
    ray_address: Annotated[
        str,
        _option(
            LONG_RUNS, "--ray-address", metavar="HOST:PORT", help="Address of the Ray cluster."
        ),
    ] = "",
    memory: Annotated[
        int | None,
        _option(
            LONG_RUNS,
            "--memory",
            metavar="MIB",
            min=1,
            help="Bound of the working arrays; by default 1024.",
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        _option(
            LONG_RUNS, "--batch-size", metavar="N", min=1, help="Sequences per block of a store."
        ),
    ] = None,
    overwrite: Annotated[
        bool, _option(LONG_RUNS, "--overwrite", help="Replace an existing store or file.")
    ] = False,
    check: Annotated[
        Literal["stop", "recompute", "off"],
        _option(
            LONG_RUNS,
            "--check",
            help="Compare a few mutants with the model itself; if scores differ, stop or recompute "
            "their block with the model.",
        ),
    ] = "stop",
) -> None:
    """Score every letter at every site of every sequence, or the variants of a file."""
    with reporting():
        spec = ScoringSpec(
            tuple(models), outputs or None, score, reverse_complement, _numbers(shifts),
            {"memory": None if memory is None else memory << 20},
        )  # fmt: skip
        inputs = InputOptions(
            fasta=fasta, bed=bed, vcf=vcf, array=array, genome=genome, length=length,
            on_error=on_error, ends=ends, ambiguous=ambiguous,
        )  # fmt: skip
        options = RunOptions(
            start=start, end=end, sites=sites, batch_size=batch_size, shard=shard,
            ray=ray_address if ray or ray_address else None, resume=resume,
            append=append, overwrite=overwrite, check=CHECKS.get(check, check),
        )  # fmt: skip
        print(run_scan(spec, inputs, options, out))


def _numbers(text: str) -> tuple[int, ...]:
    """The whole numbers of ``--shifts``."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(
            f"--shifts is {text!r}, expected whole numbers.", hint="For example --shifts=-1,0,1."
        ) from error
