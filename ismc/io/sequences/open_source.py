"""Opens the one file that holds a user's sequences, whatever its format."""

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
    """The records of one file, whatever its format.

    Args:
        fasta: sequences, see `ismc.io.sequences.fasta.open_fasta`.
        bed: regions of ``genome``, see `ismc.io.sequences.regions.open_regions`.
        genome: a FASTA file.
        array: one-hot arrays, see `ismc.io.sequences.arrays.open_array`.
        length: letters of each record; regions need it, others have one.
        on_error: ``"stop"`` at records that cannot be used, or ``"skip"`` them.
        ends: ``"pad"`` regions with ``N`` at the ends of chromosomes, or ``"skip"`` them.
        ambiguous: codes of IUPAC in FASTA files are an ``"error"``, or ``"n"``.

    Raises:
        InputError: for no or several files, and for what is wrong in the file.
    """
    given = [n for n, v in {"fasta": fasta, "bed": bed, "array": array}.items() if v is not None]
    if len(given) != 1:
        found = " and ".join(f"--{name}" for name in given) or "no input"
        raise InputError(
            f"There is {found}, expected one of --fasta, --bed and --array.",
            hint="Regions of a genome are --bed REGIONS --genome FASTA.",
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
            hint="Pass it with --length, as the model takes sequences of any length.",
        )
    return open_regions(bed, genome, length, on_error, ends)
