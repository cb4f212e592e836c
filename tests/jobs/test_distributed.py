"""A cluster of three nodes on one machine answers as one process does, also when a node dies."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

import ismc
from ismc.cli.bars import Bar
from ismc.cli.options import InputOptions
from ismc.cli.run import run
from ismc.errors import ArtifactError, InputError
from ismc.ir.pytree import leaves
from ismc.jobs.program import ScoringSpec
from ismc.jobs.ray import MAX_ATTEMPTS, Actor, pack_programs, unpack_programs
from ismc.jobs.run import BlockDone
from tests.support.models import two_heads
from tests.support.runs import (
    LENGTH,
    contents,
    folder_of_inputs,
    places,
    regions,
    wanted,
)

ray = pytest.importorskip("ray", reason="pip install 'ismc[ray]'")
pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # of Ray's own threads and sockets
    pytest.mark.xdist_group("ray"),
]


QUICK = {  # a node that is dead is missed soon
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 3000,
    "health_check_failure_threshold": 10,  # a node that waits for a processor is not dead
}


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head and two more nodes, one processor each."""
    from ray.cluster_utils import Cluster

    size = {"num_cpus": 1, "object_store_memory": 100 << 20}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        head = size | {"include_dashboard": False, "_system_config": QUICK}
        found = Cluster(initialize_head=True, head_node_args=head)
        nodes = [found.add_node(**size) for _ in range(2)]
        ray.init(address=found.address, log_to_driver=False, logging_level="ERROR")
    yield found, nodes
    ray.shutdown()
    found.shutdown()


@pytest.fixture
def some(tmp_path: Path) -> tuple[ScoringSpec, InputOptions, dict[str, bytes]]:
    """What is scored, and the store of one process."""
    folder = folder_of_inputs(tmp_path)
    asked = wanted(folder, outputs=("head",)), regions(folder)
    run(*asked, places(batch_size=1), tmp_path / "one.zarr")
    return *asked, contents(tmp_path / "one.zarr")


@pytest.mark.slow
def test_three_nodes(cluster: Any, some: Any, tmp_path: Path) -> None:
    assert len(cluster[1]) == 2
    summary = run(*some[:2], places(batch_size=1, ray=""), tmp_path / "many.zarr")
    assert summary.tally.records == 30
    assert contents(tmp_path / "many.zarr") == some[2]


def test_three_nodes_of_which_one_dies(
    cluster: Any, some: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, nodes = cluster
    real, seen = Bar.on_block, []

    def on_block(self: Bar, what: BlockDone) -> None:
        seen.append(what.start)
        if len(seen) == 4:
            found.remove_node(nodes[0], allow_graceful=False)
        real(self, what)

    monkeypatch.setattr(Bar, "on_block", on_block)
    run(*some[:2], places(batch_size=1, ray=""), tmp_path / "less.zarr")
    assert len([node for node in ray.nodes() if node["Alive"]]) == 2
    assert sorted(seen) == list(range(30))
    assert contents(tmp_path / "less.zarr") == some[2]
    assert not list(tmp_path.glob(".*.part"))


def test_a_program_is_packed_and_unpacked(tmp_path: Path) -> None:
    x = np.eye(4, dtype=np.float32)[np.random.default_rng(0).integers(0, 4, (2, LENGTH))]
    both = ismc.ensemble(
        [two_heads(0), two_heads(1)], shifts=(0, 2), score="centred", outputs="head"
    )
    packed = pickle.loads(pickle.dumps(pack_programs(both, tmp_path)))  # noqa: S301
    again = unpack_programs(packed, tmp_path)
    for a, b in zip(leaves(both.saturate(x)), leaves(again.saturate(x)), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    loaded = ismc.LoadedISM(again.program.members[0].program)
    with pytest.raises(InputError, match="other weights"):
        pack_programs(loaded.with_weights(two_heads(1)), tmp_path)


def test_records_that_end_every_worker_are_given_up(tmp_path: Path) -> None:
    actor = object.__new__(Actor)
    actor.folder, actor.store = tmp_path, Mock(facts=Mock(resume_options="--resume"))
    for _ in range(MAX_ATTEMPTS):
        actor.count_attempt(slice(3, 5))
    with pytest.raises(ArtifactError, match=r"records 3 to 4 were tried 8 times.*\n.*--memory"):
        actor.count_attempt(slice(3, 5))
    actor.count_attempt(slice(5, 8))
