"""Opens a file of sequences in any supported format."""

from __future__ import annotations

from os import PathLike

from ismc.errors import InputError
from ismc.io.sequences.arrays import open_array
from ismc.io.sequences.fasta import open_fasta
from ismc.io.sequences.problems import OnError
from ismc.io.sequences.regions import open_regions
from ismc.io.sequences.source import Ambiguous, Ends, Source

Name = str | PathLike[str]


def open_source(
    fasta: Name | None = None,
    bed: Name | None = None,
    genome: Name | None = None,
    array: Name | None = None,
    length: int | None = None,
    on_error: OnError = "stop",
    ends: Ends = "pad",
    ambiguous: Ambiguous = "error",
) -> Source:
    """The records of one file in any supported format.

    Args:
        fasta: sequences, see `ismc.io.sequences.fasta.open_fasta`.
        bed: regions of ``genome``, see `ismc.io.sequences.regions.open_regions`.
        genome: a FASTA file.
        array: one-hot arrays, see `ismc.io.sequences.arrays.open_array`.
        length: the number of letters of each record; required for regions.
        on_error: whether invalid records are an error, ``"stop"``, or skipped, ``"skip"``.
        ends: whether windows that extend past a chromosome are padded with N, ``"pad"``, or
            skipped, ``"skip"``.
        ambiguous: whether other IUPAC codes in FASTA files are an ``"error"``, or read as N,
            ``"n"``.

    Raises:
        InputError: when there is no file, or more than one, or the file is not valid.
    """
    inputs = [n for n, v in {"fasta": fasta, "bed": bed, "array": array}.items() if v is not None]
    if len(inputs) != 1:
        options = " and ".join(f"--{name}" for name in inputs) or "no input"
        raise InputError(
            f"There is {options}, expected one of --fasta, --bed and --array.",
            hint="For regions of a genome, pass --bed REGIONS --genome FASTA.",
        )
    if fasta is not None:
        return open_fasta(fasta, length, on_error=on_error, ambiguous=ambiguous)
    if array is not None:
        return open_array(array, on_error, length=length)
    if bed is None or genome is None:
        raise InputError(
            f"The regions {bed} have no genome, expected a FASTA file to read them from.",
            hint="Pass it with --genome; plain, or compressed by bgzip.",
        )
    if length is None:
        raise InputError(
            f"The length of the regions {bed} is not known, expected a number of letters.",
            hint="Pass it with --length; the model accepts sequences of any length.",
        )
    return open_regions(bed, genome, length, on_error, ends)
