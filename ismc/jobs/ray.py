"""A long run on a cluster of Ray: one actor per device, which writes to the store by itself.

Needs the extra ``ray``, and a folder that all nodes see. The program lies beside the store as an
artifact while the run lasts, so that nodes need neither the model's file nor its code, and actors
that are started anew find it. An actor reads the records of a block from the store, scores them and
writes them there; what is sent back is only how long it took. Ray starts actors anew that die, and
gives the blocks of a lost node to others. Blocks that were marked before they died are written
again, with the same bytes.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from itertools import count
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any

from ismc.errors import ArtifactError, InputError, IsmcError
from ismc.io.extras import extras
from ismc.io.stores.store import Store, opened
from ismc.ism.checking import mode_of
from ismc.ism.checking.statistics import Mode
from ismc.jobs.run import BlockDone, Scorer, score_records

ATTEMPTS = 8  # of the same records, on whatever workers


class Actor:
    """Scores blocks of one store; lives on one device."""

    def __init__(self, packed: Any, folder: str, path: str, check: Mode = None) -> None:
        """Loads the program.

        Args:
            packed: what `pack` returned.
            folder: where it left the artifacts.
            path: of the store.
            check: as for `ismc.jobs.run.score_records`.
        """
        self.folder, self.check = Path(folder), check
        self.scorer = Scorer(unpack_programs(packed, self.folder))
        self.store = opened(Path(path), write=True)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Scores some records; says what they took."""
        found: list[BlockDone] = []
        bounds = zip(batch["start"].tolist(), batch["stop"].tolist(), strict=True)
        wanted = [slice(*pair) for pair in bounds]
        for rows in wanted:
            self.attempt(rows)
        score_records(self.scorer, self.store, wanted, found.append, self.check)
        rows = [asdict(done) for done in found]
        return {key: [row[key] for row in rows] for key in rows[0]}

    def attempt(self, rows: slice) -> None:
        """Counts how often records were begun; what kills every worker must not do so for ever.

        Raises:
            ArtifactError: when they were begun too often.
        """
        for number in range(ATTEMPTS):
            with suppress(FileExistsError):
                (self.folder / f"{rows.start}.{number}.begun").touch(exist_ok=False)
                return
        raise ArtifactError(
            f"The records {rows.start} to {rows.stop - 1} were begun {ATTEMPTS} times, and each "
            "time their worker or its node died.",
            hint="Most likely memory ran out: compile with less --memory. Ray's logs say more; "
            f"{self.store.facts.resume_options} goes on with what is left.",
        )


def scan_on_ray(
    ism: Any,
    store: Store,
    wanted: Sequence[slice],
    on_block: Callable[[BlockDone], object],
    address: str = "",
    check: Mode = None,
) -> None:
    """Scores records of a store on a cluster of Ray.

    Args:
        ism: a compiled or loaded program, or an ensemble.
        store: on disk, in a folder that all nodes see.
        wanted: records, each slice of one block; see `ismc.io.stores.store.Store.pending`.
        on_block: is told of each slice that was written.
        address: of the cluster; ``""`` for one that is there, or a new one on this machine.
        check: as for `ismc.compile`; by default what the program was compiled with.

    Raises:
        InputError: when the store is in memory, or the cluster cannot be reached.
        IsmcError: when Ray is not installed.
    """
    mode = mode_of(check, ism.checks.mode)  # artifacts do not say
    if store.path is None:
        raise InputError(
            "The store is in memory, expected a folder that all nodes see.",
            hint="Pass output='OUT.zarr'.",
        )
    path = store.path.resolve()
    if wanted:
        with (
            TemporaryDirectory(prefix=f".{path.name}.", suffix=".part", dir=path.parent) as name,
            _connected(address) as ray,
        ):
            arguments = pack_programs(ism, Path(name)), name, str(path), mode
            _scan(ray, arguments, wanted, on_block)


def _scan(
    ray: Any,
    arguments: tuple[Any, ...],
    wanted: Sequence[slice],
    on_block: Callable[[BlockDone], object],
) -> None:
    """The records of each block are a row of Ray Data; an actor is on each device."""
    import ray.data as data

    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = int(sum(found.get("GPU", 0) for found in resources))
    cpus = [found["CPU"] for found in resources if found.get("CPU", 0) >= 1]
    if not gpus and not cpus:
        raise InputError("The cluster has no processors.", hint="Give its nodes some.")
    items = [{"start": rows.start, "stop": rows.stop} for rows in wanted]
    rows = data.from_items(items, override_num_blocks=len(items))
    found = rows.map_batches(
        Actor,
        fn_constructor_args=arguments,
        batch_size=1,
        compute=data.ActorPoolStrategy(size=min(gpus or len(cpus), len(items))),
        num_cpus=None if gpus else 1,
        num_gpus=1 if gpus else None,
    )
    try:
        for row in found.iter_rows():
            on_block(BlockDone(**row))
    except ray.exceptions.RayError as error:
        raise _ismc_error(error) from error


def _ismc_error(error: BaseException) -> IsmcError:
    """The error of ismc that ended an actor, or what Ray says."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, IsmcError):
            return cause
        cause = cause.__cause__ or getattr(cause, "cause", None)
    lines = [line for line in str(error).splitlines() if line.strip()] or [repr(error)]
    return ArtifactError(
        f"The run on Ray ended early ({lines[-1].strip()}).",
        hint="What was written stays; the same command with --resume goes on. Ray's logs say more.",
    )


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """The module `ray`, connected; disconnected at the end if it was not before."""
    with extras():
        import ray
    if ray.is_initialized():
        yield ray
        return
    if not address:  # a cluster of our own tells nobody about this run
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            ray.init(address=address or None, log_to_driver=False, logging_level=logging.WARNING)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(
            f"The cluster {address!r} cannot be reached ({error}).",
            hint="Start one with ray start --head, and pass the address that it prints.",
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def pack_programs(ism: Any, folder: Path) -> Any:
    """Writes artifacts into a folder; what is returned can be sent to other processes.

    Raises:
        InputError: for an artifact whose weights were replaced.
    """
    names = (f"{i}.ismc" for i in count())

    def packed(program: Any) -> str:
        path = folder / next(names)
        if hasattr(program, "save"):
            program.save(path, verbose=0)
        elif program.arrays is program.own:
            copyfile(program.path, path)
        else:
            raise InputError(
                "The artifact has other weights than its file.", hint="Save one with these weights."
            )
        return path.name

    return ism.with_programs(packed) if hasattr(ism, "with_programs") else packed(ism)


def unpack_programs(packed: Any, folder: Path) -> Any:
    """The program that `pack` wrote, loaded."""
    from ismc.ism.loaded import load

    def loaded(name: str) -> Any:
        return load(folder / name)

    return loaded(packed) if isinstance(packed, str) else packed.with_programs(loaded)
