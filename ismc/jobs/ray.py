"""Scoring on a Ray cluster: one actor per device, each writing to the store directly.

Needs the extra ``ray`` and a folder that all nodes share. During the run the program is saved as an
artifact next to the store, so that nodes need neither the model's file nor its code, and restarted
actors can load it. An actor reads the records of a block from the store, scores them and writes the
scores; it sends back only timings and counts. Ray restarts actors that die and moves the blocks of
a lost node to other nodes. A block that was written just before its actor died is written a second
time, with the same bytes.
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
from ismc.io.stores.store import Store, open_store
from ismc.ism.calls import ISM
from ismc.ism.checking import mode_of
from ismc.ism.checking.statistics import Mode
from ismc.jobs.run import BlockDone, Scorer, score_records

MAX_ATTEMPTS = 8  # for the same records, on all workers together


class Actor:
    """Scores blocks of one store on one device."""

    def __init__(self, packed: Any, folder: str, path: str, check: Mode = None) -> None:
        """Loads the program.

        Args:
            packed: the return value of `pack_programs`.
            folder: the folder with the artifacts that `pack_programs` wrote.
            path: the store.
            check: as for `ismc.jobs.run.score_records`.
        """
        self.folder, self.check = Path(folder), check
        self.scorer = Scorer(unpack_programs(packed, self.folder))
        self.store = open_store(Path(path), write=True)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Scores a batch of slices and returns one `BlockDone` per slice, as columns."""
        blocks: list[BlockDone] = []
        bounds = zip(batch["start"].tolist(), batch["stop"].tolist(), strict=True)
        pending = [slice(*pair) for pair in bounds]
        for rows in pending:
            self.count_attempt(rows)
        score_records(self.scorer, self.store, pending, blocks.append, self.check)
        rows = [asdict(done) for done in blocks]
        return {key: [row[key] for row in rows] for key in rows[0]}

    def count_attempt(self, rows: slice) -> None:
        """Counts the attempts at records, so that records that kill every worker end the run.

        Raises:
            ArtifactError: when `MAX_ATTEMPTS` are used up.
        """
        for number in range(MAX_ATTEMPTS):
            with suppress(FileExistsError):
                (self.folder / f"{rows.start}.{number}.begun").touch(exist_ok=False)
                return
        raise ArtifactError(
            f"The records {rows.start} to {rows.stop - 1} were tried {MAX_ATTEMPTS} times, and "
            "each time their worker or its node died.",
            hint="Most likely memory ran out: compile with less --memory. See Ray's logs for the "
            f"cause, and continue with {self.store.facts.resume_options}.",
        )


def scan_on_ray(
    ism: ISM,
    store: Store,
    pending: Sequence[slice],
    on_block: Callable[[BlockDone], object],
    address: str = "",
    check: Mode = None,
) -> None:
    """Scores records of a store on a Ray cluster.

    Args:
        ism: a compiled or loaded program, or an ensemble.
        store: a store on disk, in a folder that all nodes share.
        pending: slices of records, each within one block; see `ismc.io.stores.store.Store.pending`.
        on_block: called after each slice is written.
        address: the address of the cluster; ``""`` for a running one, or a new one on this machine.
        check: as for `ismc.compile`; by default the program's own mode.

    Raises:
        InputError: when the store is in memory, or the cluster cannot be reached.
        IsmcError: when Ray is not installed, or an actor fails.
    """
    mode = mode_of(check, ism.checks.mode)  # artifacts do not record it
    if store.path is None:
        raise InputError(
            "The store is in memory, expected a folder that all nodes share.",
            hint="Pass output='OUT.zarr'.",
        )
    path = store.path.resolve()
    if pending:
        with (
            TemporaryDirectory(prefix=f".{path.name}.", suffix=".part", dir=path.parent) as name,
            _connected(address) as ray,
        ):
            arguments = pack_programs(ism, Path(name)), name, str(path), mode
            _scan(ray, arguments, pending, on_block)


def _scan(
    ray: Any,
    arguments: tuple[Any, ...],
    pending: Sequence[slice],
    on_block: Callable[[BlockDone], object],
) -> None:
    """Maps slices over a pool of actors with Ray Data: one row per slice, one actor per device."""
    import ray.data as data

    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = int(sum(node.get("GPU", 0) for node in resources))
    cpus = [node["CPU"] for node in resources if node.get("CPU", 0) >= 1]
    if not gpus and not cpus:
        raise InputError(
            "The Ray cluster has no processors, expected nodes with CPUs or GPUs.",
            hint="Start its nodes with processors: ray start --num-cpus 8.",
        )
    items = [{"start": rows.start, "stop": rows.stop} for rows in pending]
    rows = data.from_items(items, override_num_blocks=len(items))
    results = rows.map_batches(
        Actor,
        fn_constructor_args=arguments,
        batch_size=1,
        compute=data.ActorPoolStrategy(size=min(gpus or len(cpus), len(items))),
        num_cpus=None if gpus else 1,
        num_gpus=1 if gpus else None,
    )
    try:
        for row in results.iter_rows():
            on_block(BlockDone(**row))
    except ray.exceptions.RayError as error:
        raise _ismc_error(error) from error


def _ismc_error(error: BaseException) -> IsmcError:
    """The ismc error that ended an actor, or an error that quotes Ray's last line."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, IsmcError):
            return cause
        cause = cause.__cause__ or getattr(cause, "cause", None)
    lines = [line for line in str(error).splitlines() if line.strip()] or [repr(error)]
    return ArtifactError(
        f"The run on Ray ended early ({lines[-1].strip()}).",
        hint="Written blocks are kept. Run the same command with --resume; see Ray's logs for the "
        "cause.",
    )


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """The module `ray`, connected; a connection made here is closed at the end."""
    with extras():
        import ray
    if ray.is_initialized():
        yield ray
        return
    if not address:  # a cluster started here sends no usage statistics
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            ray.init(address=address or None, log_to_driver=False, logging_level=logging.WARNING)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(
            f"The Ray cluster {address!r} cannot be reached ({error}).",
            hint="Start one with ray start --head, and pass the address that it prints.",
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def pack_programs(ism: ISM, folder: Path) -> Any:
    """Saves the programs as artifacts; the return value can be sent to other processes.

    Raises:
        InputError: for an artifact whose weights were replaced.
    """
    from ismc.ism.compiled import CompiledISM
    from ismc.ism.program import CompiledProgram

    names = (f"{i}.ismc" for i in count())

    def pack(program: Any) -> str:
        path = folder / next(names)
        if isinstance(program, CompiledProgram):
            CompiledISM(program).save(path, verbose=0)
        elif program.arrays is program.own:
            copyfile(program.path, path)
        else:
            raise InputError(
                "The loaded artifact has other weights than its file, expected the same.",
                hint="Save an artifact with these weights and load it.",
            )
        return path.name

    return ism.program.with_programs(pack)


def unpack_programs(packed: Any, folder: Path) -> ISM:
    """Loads the programs that `pack_programs` saved."""
    from ismc.ism.ensemble import Ensemble
    from ismc.ism.loaded import load

    if isinstance(packed, str):
        return load(folder / packed)
    return Ensemble(packed.with_programs(lambda name: load(folder / name).program))
