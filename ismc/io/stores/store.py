"""The working store of a run: scores by blocks of records, in a Zarr group.

Arrays, for ``N`` records of length ``L``, ``S`` sites and the letters ACGT:

* ``scores`` float32 ``[N, S, 4, *score]``; ``reference`` float32 ``[N, *output]``: the model's
  outputs for the unmutated records; with several outputs, ``scores/<output>`` and
  ``reference/<output>``
* ``one_hot`` int8 ``[N, L, 4]``; ``names`` ``[N]``; ``sites`` int64 ``[S, 2]``: half-open ranges
* ``chrom``, ``strand``, ``start``, ``end``, ``summit`` ``[N]``, if the records are regions of a
  genome
* ``genome_chroms``, ``genome_sizes`` ``[K]``: the chromosomes of the genome and their lengths
* ``check`` float32 ``[N, 3]``: per record, the number of mutants that the model itself recomputed,
  their largest error relative to the largest score checked with them, and whether the record's
  scores are the model's own; see `Store.checked`
* ``written`` int32 ``[blocks]``: the number of records of each block that have scores

In a store of variants the records are windows, each with its own sites: ``at`` int64 ``[N, S]``
replaces ``sites``, padded with -1, and ``variants/<column>`` is the table of variants.

A block of records is one chunk of ``scores`` and of ``reference``. It is written once, and its
count in ``written`` last. All metadata is written before the folder is renamed into place.
Therefore any number of processes may write blocks of one store, and an interrupted run resumes with
the unmarked blocks. The bytes of a store do not depend on when or by which process it was written.

Records may be appended, and existing records do not change. If the last block is not full, the
append fills it: its chunk is rewritten, and only its new records are scored. Metadata of new
records is written before the record count in the attributes of the group. Rows past that count are
garbage and may be overwritten.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from glob import escape
from itertools import product
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ismc.errors import ArtifactError, InputError
from ismc.io.extras import extras
from ismc.io.stores.content import CHECK, COORDINATES, FIXED, VARIANTS
from ismc.io.stores.facts import Facts, Output, facts_of
from ismc.io.targets import disk_errors
from ismc.ism.checking.statistics import Checked, of

if TYPE_CHECKING:
    from ismc.io.sequences.source import Coordinates

Array = np.ndarray
MAX_LISTED = 5


class Store:
    """Scores of all records, on disk or in memory; the module docstring lists the arrays.

    Attributes:
        path: the folder, or ``None`` in memory.
        facts: what the store holds and where it comes from.
        group: the Zarr group.
        problems: records that this process skipped, with reasons.
        notes: what this process did to records, such as padding.
    """

    problems: Sequence[str] = ()
    notes: Sequence[str] = ()

    def __init__(self, path: Path | None, facts: Facts, group: Any) -> None:
        self.path, self.facts, self.group = path, facts, group

    def __repr__(self) -> str:
        facts = self.facts
        where = f" in {str(self.path)!r}" if self.path else ""
        done = sum(map(min, self.written.tolist(), facts.sizes()))
        rest = "" if done == facts.count else f", {done:,} of them scored"
        names = ", ".join(f"{o.name} {list(o.score)}" for o in facts.outputs)
        return (
            f"<Scores{where}: {facts.score} of {facts.model}, {facts.count:,} records of "
            f"{facts.length}{rest}, {facts.width} sites, outputs {names}>"
        )

    def __len__(self) -> int:
        return self.facts.count

    def scores(self, output: str | None = None) -> Any:
        """The Zarr array ``[N, S, 4, *score]`` of an output, the first by default.

        Ignore rows from ``len(store)`` on: an interrupted append may have left them.

        Raises:
            InputError: when no output has that name.
        """
        return self.group[self.facts.key("scores", self.output(output).name)]

    def reference(self, output: str | None = None) -> Any:
        """The Zarr array ``[N, *output]`` of the model's outputs; arguments as for `scores`."""
        return self.group[self.facts.key("reference", self.output(output).name)]

    def output(self, name: str | None = None) -> Output:
        """The output of that name, the first by default.

        Raises:
            InputError: when no output has that name.
        """
        names = [output.name for output in self.facts.outputs]
        if name is not None and name not in names:
            raise InputError(
                f"There is no output {name!r}, expected one of {', '.join(names)}.",
                hint="Name an output of the store.",
            )
        return self.facts.outputs[0 if name is None else names.index(name)]

    @property
    def one_hot(self) -> Any:
        """The Zarr array of sequences, int8 ``[N, L, 4]``."""
        return self.group["one_hot"]

    def rows_of(self, key: str) -> slice:
        """The valid rows of an array; an interrupted append may have left more."""
        if key in FIXED:
            return slice(None)
        return slice(self.facts.variants if key.startswith(VARIANTS) else self.facts.count)

    def column(self, key: str) -> Array:
        """All valid rows of an array, read into memory.

        Raises:
            KeyError: when the store has no array of that key.
        """
        return np.asarray(self.group[key][self.rows_of(key)])

    @property
    def names(self) -> Array:
        """Names of the records, ``[N]`` text."""
        return self.column("names")

    @property
    def sites(self) -> Array:
        """The half-open ranges of the sites, int64 ``[S, 2]``.

        Raises:
            InputError: for variants, where each window has its own sites.
        """
        if self.facts.slots:
            raise InputError(
                "Each window of a store of variants has its own sites, expected the same in all.",
                hint="Their positions are in group['at'].",
            )
        return self.column("sites")

    @property
    def coordinates(self) -> Coordinates | None:
        """Where the records are in the genome, or ``None`` without one."""
        from ismc.io.sequences.source import Coordinates

        if "chrom" not in self.group:
            return None
        columns = {name: self.column(name) for name in COORDINATES}
        return Coordinates(**columns, genome=self.facts.genome)

    @property
    def written(self) -> Array:
        """The number of records of each block that have scores, int32 ``[blocks]``."""
        return np.asarray(self.group["written"][: self.facts.blocks])

    @property
    def done(self) -> Array:
        """Which blocks have all their scores, bool ``[blocks]``."""
        return self.written >= self.facts.sizes()  # more if records were appended since

    @property
    def complete(self) -> bool:
        """Whether every record has scores."""
        return bool(self.done.all())

    def pending(self, blocks: Iterable[int] | None = None) -> list[slice]:
        """The records without scores; each slice is within one block.

        Args:
            blocks: the numbers of the blocks to look at; all by default.
        """
        written, unwritten = self.written, []
        for block in range(self.facts.blocks) if blocks is None else blocks:
            rows = self.facts.rows(block)
            unwritten.append(slice(rows.start + int(written[block]), rows.stop))
        return [rows for rows in unwritten if rows.start < rows.stop]

    @property
    def checked(self) -> Checked:
        """Statistics of the checks of all scored records, whichever process made them."""
        return of(self.column(CHECK)) if CHECK in self.group else Checked()

    def write(
        self,
        rows: slice,
        scores: Sequence[Array],
        references: Sequence[Array],
        checked: Array | None = None,
    ) -> None:
        """Writes the scores of records of one block, then marks them as written.

        Args:
            rows: the records, up to the end of their block; earlier ones of it are already written.
            scores: ``[n, S, 4, *score]`` of each output.
            references: ``[n, *output]`` of each output.
            checked: the results of checks, ``[n, 3]``, or ``None``.

        Raises:
            ArtifactError: when the disk is full; marked blocks stay intact.
        """
        facts = self.facts
        block = rows.start // facts.block
        with disk_errors(self.path or Path("memory")):
            for output, score, reference in zip(facts.outputs, scores, references, strict=True):
                self.group[facts.key("reference", output.name)][rows] = reference
                self.group[facts.key("scores", output.name)][rows] = score
            if checked is not None and CHECK in self.group:
                self.group[CHECK][rows] = checked
            if self.path is not None:
                self._sync(block)
            self.group["written"][block] = rows.stop - block * facts.block

    def _sync(self, block: int) -> None:
        """Flushes the chunks of a block to disk, so that its mark is written last."""
        kinds = product(("reference", "scores"), self.facts.outputs)
        for key in (CHECK, *(self.facts.key(kind, output.name) for kind, output in kinds)):
            folder = Path(str(self.path)) / key / "c" / str(block)
            files = [folder] if folder.is_file() else folder.rglob("*")
            for file in (path for path in files if path.is_file()):
                with file.open("rb+") as chunk:
                    os.fsync(chunk.fileno())

    def check_complete(self) -> None:
        """Checks that the store has records, and that all of them have scores.

        Raises:
            InputError: when it has no records, or some have no scores.
        """
        where = f"The store {self.path}" if self.path else "The store"
        if not len(self):
            raise InputError(
                f"{where} holds no records, expected one or more.",
                hint="Check what was skipped when it was written.",
            )
        missing = np.flatnonzero(~self.done).tolist()
        if missing:
            listed = ", ".join(map(str, missing[:MAX_LISTED])) + (
                ", .." if missing[MAX_LISTED:] else ""
            )
            raise InputError(
                f"{where} is not complete: {len(missing)} of {self.facts.blocks} blocks are not "
                f"written ({listed}), expected all.",
                hint=f"Resume the run with {self.facts.resume_options}"
                + (", or run the remaining shards." if len(self.facts.parts) == 1 else "."),
            )

    def tidy(self) -> None:
        """Removes temporary files of killed processes, once every block is written."""
        if self.path is not None and self.complete:
            for partial in self.path.rglob("*.partial"):
                partial.unlink(missing_ok=True)
            for part in self.path.parent.glob(f".{escape(self.path.name)}.*.part"):
                shutil.rmtree(part, ignore_errors=True)


def open_store(path: Path, expected: Facts | None = None, *, write: bool = False) -> Store:
    """Opens an existing store.

    Args:
        path: the folder.
        expected: the facts that it must have; the store is then open for writing.
        write: whether to open it for writing.

    Raises:
        ArtifactError: when the folder is not a store of ismc, or is damaged.
        InputError: when it does not exist, or its facts are not those expected.
    """
    with extras():
        import zarr
    if not path.exists():
        raise InputError(
            f"{path} does not exist, expected a store of scores.", hint="Check the path."
        )
    try:
        group = zarr.open_group(path, mode="r+" if write or expected else "r")
        facts = facts_of(dict(group.attrs))
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise ArtifactError(
            f"{path} is not a store of scores of ismc ({error}).",
            hint="Name a .zarr folder that ismc run has written.",
        ) from error
    if expected is not None and (problems := facts.differs(expected)):
        raise InputError(
            f"The store {path} holds other scores: {'; '.join(problems)}.",
            hint="Write to another store, replace this one with --overwrite, or pass --append.",
        )
    return Store(path, facts, group)


def open_scores(path: str | PathLike[str]) -> Store:
    """Opens the scores in a ``.zarr`` folder for reading.

    Raises:
        ArtifactError: when the folder is not a store of ismc, or is damaged.
        InputError: when it does not exist.
    """
    return open_store(Path(path))
