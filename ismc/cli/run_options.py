"""`ismc run` on the command line: its options, in groups."""

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
FROM, WHAT, WHERE = "Sequences", "What is computed", "Long runs"


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
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="A store .zarr, or a file .h5, .npz or .tsv that is made from one.",
        ),
    ],
    fasta: Annotated[
        Path | None,
        _option(FROM, "--fasta", metavar="FILE", help="Sequences, plain, gzip or bgzip."),
    ] = None,
    bed: Annotated[
        Path | None,
        _option(FROM, "--bed", metavar="FILE", help="Regions .bed or .narrowPeak of --genome."),
    ] = None,
    vcf: Annotated[
        Path | None,
        _option(
            FROM,
            "--vcf",
            metavar="FILE",
            help="Variants of --genome; each in a window around it, or in those of --bed.",
        ),
    ] = None,
    array: Annotated[
        Path | None,
        _option(FROM, "--array", metavar="FILE", help="One-hot arrays, .npy or .npz."),
    ] = None,
    genome: Annotated[
        Path | None, _option(FROM, "--genome", metavar="FILE", help="A FASTA, plain or bgzip.")
    ] = None,
    length: Annotated[
        int | None,
        _option(FROM, "--length", metavar="N", min=1, help="For a model of any length."),
    ] = None,
    on_error: Annotated[
        Literal["stop", "skip"],
        _option(FROM, "--on-error", help="Stop at bad records, or leave them out."),
    ] = "stop",
    ends: Annotated[
        Literal["pad", "skip"],
        _option(FROM, "--ends", help="Pad regions at the ends of chromosomes, or skip them."),
    ] = "pad",
    ambiguous: Annotated[
        Literal["error", "n"],
        _option(FROM, "--ambiguous", help="Other letters are an error, or N."),
    ] = "error",
    score: Annotated[
        str,
        _option(WHAT, "--score", metavar="NAME", help="See `ismc scores`; difference by default."),
    ] = "",
    outputs: Annotated[
        list[str] | None,
        _option(WHAT, "--outputs", metavar="NAME", help="May be repeated; all by default."),
    ] = None,
    start: Annotated[
        int | None,
        _option(WHAT, "--start", metavar="N", help="First position, from 0; 0 by default."),
    ] = None,
    end: Annotated[
        int | None,
        _option(WHAT, "--end", metavar="N", help="After the last one; the length by default."),
    ] = None,
    sites: Annotated[
        str, _option(WHAT, "--sites", metavar="LIST", help="Or positions: 12,40-60.")
    ] = "",
    reverse_complement: Annotated[
        bool, _option(WHAT, "--reverse-complement", help="Average both strands.")
    ] = False,
    shifts: Annotated[
        str, _option(WHAT, "--shifts", metavar="LIST", help="Average shifted sequences: -1,0,1.")
    ] = "0",
    resume: Annotated[
        bool, _option(WHERE, "--resume", help="Go on with a run that was stopped.")
    ] = False,
    append: Annotated[
        bool, _option(WHERE, "--append", help="Put the records behind those of a store.")
    ] = False,
    shard: Annotated[
        str, _option(WHERE, "--shard", metavar="I/N", help="One part of N, into one store.")
    ] = "",
    ray: Annotated[
        bool, _option(WHERE, "--ray", help="Run on the devices of a cluster of Ray.")
    ] = False,
    ray_address: Annotated[
        str, _option(WHERE, "--ray-address", metavar="HOST:PORT", help="Of the cluster.")
    ] = "",
    memory: Annotated[
        int | None,
        _option(
            WHERE, "--memory", metavar="MIB", min=1, help="Of working arrays; 1024 by default."
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        _option(WHERE, "--batch-size", metavar="N", min=1, help="Sequences of a block."),
    ] = None,
    overwrite: Annotated[
        bool, _option(WHERE, "--overwrite", help="Replace what is there.")
    ] = False,
    check: Annotated[
        Literal["stop", "recompute", "off"],
        _option(
            WHERE,
            "--check",
            help="A few mutants are also computed by the model itself: stop at wrong scores, or "
            "take the model's own for their block.",
        ),
    ] = "stop",
) -> None:
    """Score every letter at every site of every sequence, or the variants of a file."""
    with reporting():
        wanted = ScoringSpec(
            tuple(models), outputs or None, score, reverse_complement, _numbers(shifts),
            {"memory": None if memory is None else memory << 20},
        )  # fmt: skip
        inputs = InputOptions(
            fasta=fasta, bed=bed, vcf=vcf, array=array, genome=genome, length=length,
            on_error=on_error, ends=ends, ambiguous=ambiguous,
        )  # fmt: skip
        places = RunOptions(
            start=start, end=end, sites=sites, batch_size=batch_size, shard=shard,
            ray=ray_address if ray or ray_address else None, resume=resume,
            append=append, overwrite=overwrite, check=CHECKS.get(check, check),
        )  # fmt: skip
        print(run_scan(wanted, inputs, places, output))


def _numbers(text: str) -> tuple[int, ...]:
    """The shifts."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(
            f"--shifts is {text!r}, expected whole numbers.", hint="For example --shifts=-1,0,1."
        ) from error
