"""The profile: every statement has a row, and the rows add up."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from typer.testing import CliRunner

import ismc
from ismc.cli.app import app
from ismc.ism.profile import _part, _rising
from tests.support.models import conv_pool_dense


@pytest.fixture
def model() -> keras.Model:
    return conv_pool_dense(24, {"first": 3}, {"dense": 2})


def test_every_statement_has_a_row_and_shares_add_up(model: keras.Model) -> None:
    ism = ismc.compile(model, verify=False)
    found = ism.profile(rounds=2)
    assert [row.value for row in found.rows] == [
        "call",
        "reference",
        *(step.target for step in (*ism.plan.tile, *ism.plan.epilogue)),
        "answers",
    ]
    named = {name for row in found.rows for name in row.layers}
    assert named == {line.name for line in ism.plan.lines}
    assert sum(found.shares) == pytest.approx(1)
    assert all(row.seconds >= 0 for row in found.rows)
    assert sum(row.operations for row in found.rows) == 72 * ism.plan.operations[0]
    assert found.mutants == 72
    assert found.least == ism.plan.minimum
    assert "GFLOP/s" in str(found)
    assert "72 mutants in" in str(found)


@pytest.mark.parametrize(("every", "rows"), [(4, None), (1000, 4), ("segment", None)])
def test_statements_share_rows(model: keras.Model, every: int | str, rows: int | None) -> None:
    ism = ismc.compile(model, verify=False)
    found = ism.profile(rounds=1, every=every)
    assert 4 <= len(found.rows) < len(ism.plan.tile)
    assert rows is None or len(found.rows) == rows
    assert sum(row.operations for row in found.rows) == 72 * ism.plan.operations[0]


def test_a_score_and_other_inputs_are_profiled() -> None:
    x, z = keras.Input((12, 4), name="x"), keras.Input((3,), name="z")
    y = layers.GlobalMaxPooling1D(name="top")(layers.Conv1D(3, 3, name="conv")(x))
    y = layers.Dense(1, name="out")(layers.Concatenate(name="both")([y, z]))
    model = keras.Model([x, z], y)
    ism = ismc.compile(model, score=lambda reference, mutant: mutant - reference, verify=False)
    letters = np.eye(4, dtype="float32")[np.zeros((2, 12), int)]
    found = ism.profile([letters, np.ones((2, 3), "float32")], rounds=1, every=3)
    assert found.mutants == 2 * 12 * 3


def test_a_part_keeps_what_the_rest_wants(model: keras.Model) -> None:
    ism = ismc.compile(model, verify=False)
    for end in range(len(ism.plan.tile) + 1):
        part = _part(ism.program, end)
        assert len(part.plan.tile) == end + 1
        assert "checksum(" in part.source
        names = {step.target for step in ism.plan.tile[:end]}
        last = part.source.split("y = checksum(n")[1].split(")")[0]
        assert all(name in names for name in last.replace(",", " ").split())


def test_arguments_are_checked(model: keras.Model) -> None:
    ism = ismc.compile(model, verify=False)
    with pytest.raises(ismc.InputError, match=r"rounds is 0 and every is 1, expected positive"):
        ism.profile(rounds=0)
    with pytest.raises(ismc.InputError, match=r"every is 'layer'.*\n.*'segment'"):
        ism.profile(every="layer")


def test_rising_pools_neighbours() -> None:
    assert _rising([1.0, 3.0, 2.0, 4.0, 3.0, 2.0]) == [1.0, 2.5, 2.5, 3.0, 3.0, 3.0]
    assert _rising([3.0, 2.0, 1.0]) == [2.0, 2.0, 2.0]


def test_the_command_prints_it(model: keras.Model, tmp_path: Path) -> None:
    model.save(tmp_path / "tiny.keras")
    command = ["explain", str(tmp_path / "tiny.keras"), "--profile", "--every", "100"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "predicted gain" in done.output or "no large gain" in done.output
    assert "72 mutants in" in done.output
