"""Exported programs: the manifest says all there is to know, and the answers are the model's."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

from benchmarks.export import export, recipe
from benchmarks.pjrt import INPUTS, WEIGHTS, Case, draw, lines, mutated, race
from ismc.plan import cost
from tests.zoo import ZOO

BATCHES, SEQUENCES = (4, 8), 2


@pytest.fixture(scope="module", params=["deepstarr", "bpnet_dense"])
def exported(request: Any, tmp_path_factory: Any) -> tuple[Path, dict[str, Any]]:
    """The folder and the record of one small model; the record has been through JSON.

    Here even few sites are worth parts; what is exported is one program of all sites.
    """
    folder = tmp_path_factory.mktemp("exported")
    model = ZOO[request.param].model(small=True)
    options = {"sites": 20, "sequences": SEQUENCES, "tiles": (0, 3), "batches": BATCHES}
    with patch.object(cost, "MIN_SECONDS_PER_THREAD", 1e-12):
        found = export(request.param, model, folder, **options)
    return folder, json.loads(json.dumps(found, default=str))


def _arguments(folder: Path, record: dict[str, Any], program: dict, inputs: dict) -> list[Any]:
    """What the runtime makes from the manifest and the tables."""
    tables = np.load(folder / record["tables"])
    made = []
    for argument in program["arguments"]:
        if "input" in argument:
            value = inputs[argument["input"]]
        elif "weight" in argument:
            index = argument["weight"]
            value = draw(record["weights"][index], record["seed"], WEIGHTS, index)
        else:
            value = tables[argument["table"]]
        assert list(value.shape) == argument["shape"]
        assert value.dtype == argument["dtype"]
        made.append(value)
    return made


def _inputs(record: dict[str, Any]) -> dict[str, Any]:
    hows = enumerate(record["inputs"].items())
    return {n: draw(how, record["seed"], INPUTS, i, SEQUENCES) for i, (n, how) in hows}


def _run(artifact: bytes, arguments: list[Any], shapes: list[list[int]]) -> list[Any]:
    """The answers of a module, run by TensorFlow as it is, without tracing anything."""
    return xla.call_module(
        [tf.constant(value) for value in arguments],
        version=9,
        module=artifact,
        Tout=[tf.float32] * len(shapes),
        Sout=shapes,
        platforms=["CPU"],
    )


def test_manifest_is_complete(exported: Any) -> None:
    folder, record = exported
    programs = record["programs"]
    assert [p["kind"] for p in programs] == ["ismc", "ismc", "naive", "naive"]
    assert [p["batch"] for p in programs] == [SEQUENCES, SEQUENCES, *BATCHES]
    assert programs[1]["tile_sites"] <= 3 < programs[0]["tile_sites"]
    assert programs[1]["arguments"] != programs[0]["arguments"]
    assert programs[0]["mutants"] == SEQUENCES * 3 * record["active_sites"]
    assert record["multiply_adds_per_mutant"]["naive"] > record["multiply_adds_per_mutant"]["ismc"]
    assert len(record["plan"]) == 6
    assert {file.name for file in folder.iterdir()} == {
        record["tables"], *(p["file"] for p in programs),
    }  # fmt: skip
    assert sum(file.stat().st_size for file in folder.iterdir()) < 1e6


def test_modules_take_as_many_arguments_as_the_manifest_has(exported: Any) -> None:
    folder, record = exported
    shapes = [shape for _, shape in record["outputs"]]
    program = record["programs"][0]
    artifact = (folder / program["file"]).read_bytes()
    arguments = _arguments(folder, record, program, _inputs(record))
    with pytest.raises(tf.errors.InvalidArgumentError, match="argument"):
        _run(artifact, arguments[:-1], [[SEQUENCES, record["sites"], 4, *s] for s in shapes])


def test_answers_are_those_of_keras(exported: Any) -> None:
    folder, record = exported
    tables = np.load(folder / record["tables"])
    shapes = [shape for _, shape in record["outputs"]]
    expected = [tables[f"expected/{i}"] for i in range(len(shapes))]
    sample, inputs = tables["sample"], _inputs(record)
    rows, sites, letters = sample.T
    for program in record["programs"]:
        if program["kind"] == "ismc":
            given, axes = inputs, [SEQUENCES, record["sites"], 4]
        else:
            chosen = np.resize(sample, (program["batch"], 3))
            given = mutated(inputs, record["sequence"], record["starts"], chosen)
            axes = [program["batch"]]
        arguments = _arguments(folder, record, program, given)
        artifact = (folder / program["file"]).read_bytes()
        found = _run(artifact, arguments, [[*axes, *shape] for shape in shapes])
        for y, want in zip(found, expected, strict=True):
            mine = y.numpy()[rows, sites, letters] if program["kind"] == "ismc" else y.numpy()
            np.testing.assert_allclose(mine[: len(want)], want, rtol=1e-4, atol=1e-5)


def test_layers_for_peers_name_weights_that_exist(exported: Any) -> None:
    _, record = exported
    peers = record["peers"]
    if "error" not in peers:
        assert {layer["name"] for layer in peers["description"]["layers"]} >= {
            key.rpartition("/")[0] for key in peers["weights"]
        }
        assert set(peers["weights"].values()) <= set(range(len(record["weights"])))


def test_weights_that_are_positive_stay_positive() -> None:
    variance = np.float32([0.5, 2.0, 1.0])
    how = recipe(variance)
    found = draw(how, 3, WEIGHTS, 7)
    assert found.min() >= 0.5
    assert found.max() <= 2.0
    assert np.array_equal(found, draw(how, 3, WEIGHTS, 7))
    assert not np.array_equal(found, draw(how, 3, WEIGHTS, 8))


def test_integers_are_kept_as_they_are() -> None:
    state = np.uint32([7, 11])
    assert np.array_equal(draw(recipe(state), 0, WEIGHTS, 0), state)


class _Runtime:
    """TensorFlow in the place of a device of JAX; ``spoilt`` makes our programs answer wrongly."""

    kind, device = "cpu", SimpleNamespace(device_kind="test device")

    def __init__(self, record: dict[str, Any], folder: Path, *, spoilt: bool = False) -> None:
        self.spoilt = spoilt
        self.shapes, self.ours = {}, set()
        for program in record["programs"]:
            ours = program["kind"] == "ismc"
            axes = [program["batch"], *([record["sites"], 4] if ours else [])]
            artifact = (folder / program["file"]).read_bytes()
            self.shapes[artifact] = [[*axes, *shape] for _, shape in record["outputs"]]
            self.ours |= {artifact} if ours else set()

    def put(self, value: Any) -> Any:
        return value

    def compile(self, artifact: bytes, precision: str | None) -> Any:
        assert precision is None
        wrong = self.spoilt and artifact in self.ours

        def run(*arguments: Any) -> list[Any]:
            found = _run(artifact, list(arguments), self.shapes[artifact])
            return [y + 0.01 for y in found] if wrong else list(found)

        return run

    def seconds(self, run: Any, _: int) -> float:
        run()
        return 1.0


@pytest.mark.parametrize("spoilt", [False, True])
def test_wrong_answers_are_loud_and_stop_nothing(exported: Any, capsys: Any, spoilt: bool) -> None:
    folder, record = exported
    device: Any = _Runtime(record, folder, spoilt=spoilt)
    row = race(Case(folder, record, device, "float32"), rounds=1)
    ours = {p["file"] for p in record["programs"] if p["kind"] == "ismc"}
    assert not row["failed"]
    assert row["errors"].keys() == ours
    assert row["wrong"].keys() == (ours if spoilt else set())
    assert ("WRONG ANSWERS" in capsys.readouterr().err) == spoilt
    assert row["speedup"] > 0
    assert ("**WRONG**" in lines({"model": "m", "setting": "float32", **row})) == spoilt
    for errors in row["errors"].values():
        assert errors["naive against keras"] < 1e-4


def test_a_program_that_cannot_run_stops_nothing(exported: Any, capsys: Any) -> None:
    folder, record = exported
    device: Any = _Runtime(record, folder)
    device.shapes.pop((folder / record["programs"][0]["file"]).read_bytes())
    row = race(Case(folder, record, device, "float32"), rounds=1)
    assert row["failed"].keys() == {record["programs"][0]["file"]}
    assert "FAILED" in capsys.readouterr().err
    assert row["ismc_program"] == record["programs"][1]["file"]
