"""The working store of a run: scores by blocks of records, in a Zarr group.

Arrays, for ``N`` records of length ``L``, ``S`` sites and the letters ACGT:

* ``scores`` float32 ``[N, S, 4, *score]``, ``reference`` float32 ``[N, *output]``: the model's own
  answers; with several outputs ``scores/<output>`` and ``reference/<output>``
* ``one_hot`` int8 ``[N, L, 4]``, ``names`` ``[N]``, ``sites`` int64 ``[S, 2]``: half-open ranges
* ``chrom``, ``strand``, ``start``, ``end``, ``summit`` ``[N]``, where records are regions of a
  genome
* ``genome_chroms``, ``genome_sizes`` ``[K]``: the chromosomes of the genome and their lengths
* ``check`` float32 ``[N, 3]``: how many mutants of each record were also computed by the model
  itself, the largest error of them as a share of the largest score that was checked with them, and
  whether the record's scores are the model's own; see `Store.checked`
* ``written`` int32 ``[blocks]``: how many records of each block have their scores

A store of variants has windows for records, with sites of their own: ``at`` int64 ``[N, S]`` in the
place of ``sites``, -1 where a window has fewer, and the table of variants in ``variants/<column>``.

A block of records is one chunk of ``scores`` and ``reference``, written once, and its number in
``written`` last; all else is there before the folder gets its name. So any number of processes may
write blocks of one store, and a run that was killed goes on with the blocks that have no number.
Nothing in a store depends on when or by whom it was written.

Records may be appended; those that were there stay as they are. A last block that was not full is
filled: its chunk is written once more, and only its new records are scored. Whatever is said of
records is there before the count of them is, in the attributes of the group; rows behind that count
are no one's.
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
SHOWN = 5


class Store:
    """Scores of all records, on disk or in memory; see the module for what stands in it.

    Attributes:
        path: the folder, or ``None`` in memory.
        facts: what it holds.
        group: the group of Zarr.
        problems: records that were left out in this process.
        notes: what was done to records in this process.
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
        """The Zarr array ``[N, S, 4, *score]`` of an output; the only or first by default.

        Rows from ``len(store)`` on, which an appending run that was killed may leave, do not count.

        Raises:
            InputError: when there is no such output.
        """
        return self.group[self.facts.key("scores", self.output(output).name)]

    def reference(self, output: str | None = None) -> Any:
        """The Zarr array ``[N, *output]``; as `scores`."""
        return self.group[self.facts.key("reference", self.output(output).name)]

    def output(self, name: str | None = None) -> Output:
        """The output of that name; the first by default.

        Raises:
            InputError: when there is none.
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
        """The Zarr array int8 ``[N, L, 4]``."""
        return self.group["one_hot"]

    def rows_of(self, key: str) -> slice:
        """The rows of an array that count; there may be more where an appending run was killed."""
        if key in FIXED:
            return slice(None)
        return slice(self.facts.variants if key.startswith(VARIANTS) else self.facts.count)

    def column(self, key: str) -> Array:
        """An array by its key, as a whole.

        Raises:
            KeyError: when the store has none of that name.
        """
        return np.asarray(self.group[key][self.rows_of(key)])

    @property
    def names(self) -> Array:
        """Names of the records, ``[N]`` text."""
        return self.column("names")

    @property
    def sites(self) -> Array:
        """int64 ``[S, 2]``, half-open.

        Raises:
            InputError: for variants, whose sites are those of each window.
        """
        if self.facts.slots:
            raise InputError(
                "A store of variants has other sites in each window, expected the same in all.",
                hint="Their positions are in group['at'].",
            )
        return self.column("sites")

    @property
    def coordinates(self) -> Coordinates | None:
        """Where the records lie in the genome, if they do."""
        from ismc.io.sequences.source import Coordinates

        if "chrom" not in self.group:
            return None
        found = {name: self.column(name) for name in COORDINATES}
        return Coordinates(**found, genome=self.facts.genome)

    @property
    def written(self) -> Array:
        """How many records of each block have their scores, int32 ``[blocks]``."""
        return np.asarray(self.group["written"][: self.facts.blocks])

    @property
    def done(self) -> Array:
        """Which blocks have all their scores, bool ``[blocks]``."""
        return self.written >= self.facts.sizes()  # more where records were appended since

    @property
    def complete(self) -> bool:
        """Whether every record has its scores."""
        return bool(self.done.all())

    def pending(self, blocks: Iterable[int] | None = None) -> list[slice]:
        """The records that have no scores; each slice is of one block.

        Args:
            blocks: numbers of those that are looked at; all by default.
        """
        written, found = self.written, []
        for block in range(self.facts.blocks) if blocks is None else blocks:
            rows = self.facts.rows(block)
            found.append(slice(rows.start + int(written[block]), rows.stop))
        return [rows for rows in found if rows.start < rows.stop]

    @property
    def checked(self) -> Checked:
        """What was checked of the records that have their scores, by whatever processes."""
        return of(self.column(CHECK)) if CHECK in self.group else Checked()

    def write(
        self,
        rows: slice,
        scores: Sequence[Array],
        references: Sequence[Array],
        checked: Array | None = None,
    ) -> None:
        """Writes the scores of records of one block, and marks them.

        Args:
            rows: the records, up to the last of the block; those before them are written.
            scores: ``[n, S, 4, *score]`` of each output.
            references: ``[n, *output]`` of each output.
            checked: ``[n, 3]``, what checks found, if there were any.

        Raises:
            ArtifactError: when the disk is full; blocks that are marked stay whole.
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
                self._settled(block)
            self.group["written"][block] = rows.stop - block * facts.block

    def _settled(self, block: int) -> None:
        """Waits until the chunks of a block are on the disk, so that its mark comes last."""
        kinds = product(("reference", "scores"), self.facts.outputs)
        for key in (CHECK, *(self.facts.key(kind, output.name) for kind, output in kinds)):
            folder = Path(str(self.path)) / key / "c" / str(block)
            files = [folder] if folder.is_file() else folder.rglob("*")
            for file in (path for path in files if path.is_file()):
                with file.open("rb+") as chunk:
                    os.fsync(chunk.fileno())

    def check_complete(self) -> None:
        """Checks that there are scores, and all of them.

        Raises:
            InputError: when there are not.
        """
        where = f"The store {self.path}" if self.path else "The store"
        if not len(self):
            raise InputError(
                f"{where} holds no records, expected one or more.",
                hint="Check what was skipped when it was written.",
            )
        missing = np.flatnonzero(~self.done).tolist()
        if missing:
            some = ", ".join(map(str, missing[:SHOWN])) + (", .." if missing[SHOWN:] else "")
            raise InputError(
                f"{where} is not complete: {len(missing)} of {self.facts.blocks} blocks are not "
                f"written ({some}), expected all.",
                hint=f"Go on with the run by {self.facts.resume_options}"
                + (", or run the shards that are left." if len(self.facts.parts) == 1 else "."),
            )

    def tidy(self) -> None:
        """Removes what processes that were killed left, once every block is written."""
        if self.path is not None and self.complete:
            for left in self.path.rglob("*.partial"):
                left.unlink(missing_ok=True)
            for part in self.path.parent.glob(f".{escape(self.path.name)}.*.part"):
                shutil.rmtree(part, ignore_errors=True)


def opened(path: Path, expected: Facts | None = None, *, write: bool = False) -> Store:
    """A store that is there.

    Args:
        path: the folder.
        expected: what it has to hold; it may then be written to.
        write: whether it may be written to.

    Raises:
        ArtifactError: when it is none of ismc's, or damaged.
        InputError: when it does not exist, or holds what is not expected.
    """
    with extras():
        import zarr
    if not path.exists():
        raise InputError(f"{path} does not exist, expected a store of scores.", hint="Check it.")
    try:
        group = zarr.open_group(path, mode="r+" if write or expected else "r")
        facts = facts_of(dict(group.attrs))
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise ArtifactError(
            f"{path} is no store of scores of ismc ({error}).",
            hint="Name a folder .zarr that ismc run has written.",
        ) from error
    if expected is not None and (problems := facts.differs(expected)):
        raise InputError(
            f"The store {path} holds other scores: {'; '.join(problems)}.",
            hint="Write to another store, replace this one with --overwrite, or --append to it.",
        )
    return Store(path, facts, group)


def open_scores(path: str | PathLike[str]) -> Store:
    """The scores that a run wrote into a folder ``.zarr``, to read.

    Raises:
        ArtifactError: when the folder is none of ismc's, or damaged.
        InputError: when it does not exist.
    """
    return opened(Path(path))
