"""The benchmark of errors against float64, its committed results, and the table made of them."""

from __future__ import annotations

import doctest
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from typer.testing import CliRunner

from benchmarks import accuracy, pages, records, zoo_table
from benchmarks.cli import app
from benchmarks.errors import BenchmarkError
from benchmarks.rows import ROWS
from tests.zoo import ARCHITECTURES, Entry, random_inputs

ROOT = Path(__file__).parents[2]


def small(name: str = "basset") -> Entry:
    return replace(ARCHITECTURES[name], table=ARCHITECTURES[name].small)


def results(ratio: float, name: str = "basset") -> dict[str, Any]:
    errors = {"ismc": {"answers": ratio, "changes": 2.0}, "float32": {"answers": 1.0, "changes": 1}}
    row = {"row": name, "title": "A model", "sites": 8, "of_sites": 9, "mutants": 24}
    return row | {"errors": errors, "ratios": {"answers": ratio, "changes": 2.0}}


def test_examples() -> None:
    assert doctest.testmod(accuracy).failed == 0


def test_every_model_of_the_tables_is_measured() -> None:
    built = {(e.build, str(dict(e.table))) for e in accuracy.SUBJECTS.values()}
    assert len(built) == len(accuracy.SUBJECTS)
    assert set(ARCHITECTURES) < set(accuracy.SUBJECTS)
    alone = set(accuracy.SUBJECTS) - set(ARCHITECTURES)
    assert alone == {"package_basset", "bpnet_2114", "attention_pooling"} <= set(ROWS)


@pytest.mark.parametrize("name", ["basset", "attention_pool_net", "enformer", "topic_lstm"])
def test_the_truth_is_float64_and_close_to_the_model(name: str) -> None:
    entry = replace(accuracy.ZOO[name], table=accuracy.ZOO[name].small)
    model = entry.table_model()
    truth = accuracy.truth_of(entry, model)
    x = random_inputs(model, 2, seed=1)
    pairs = zip(
        accuracy.flat(model(x)), accuracy.flat(truth(np.asarray(x, "float64"))), strict=True
    )
    for found, right in pairs:
        assert right.dtype == np.float64
        assert 0 < np.abs(found - right).max() < 1e-5 * np.abs(right).max()
    assert keras.config.floatx() == "float32"
    assert keras.config.dtype_policy().name == "float32"


def test_a_part_that_is_not_float64_is_told() -> None:
    def built() -> keras.Model:
        x = keras.Input((8, 4))
        return keras.Model(x, layers.Dense(2, dtype="float32", name="low")(layers.Flatten()(x)))

    entry = Entry(built, 8, {}, "a model")
    with pytest.raises(BenchmarkError, match=r"Parts of a model are not float64: .*low"):
        accuracy.truth_of(entry, built())


def test_answers_are_calls_of_the_model_on_every_mutant() -> None:
    entry = small()
    model = entry.table_model()
    truth = accuracy.truth_of(entry, model)
    x = np.asarray(random_inputs(model, 2, seed=1, unknown=0))
    sites = [(0, 1), (7, 8)]
    (found,) = accuracy.answers(truth, [x], 0, sites)
    for s, (site, _) in enumerate(sites):
        for letter in range(4):
            mutant = np.asarray(x, "float64")
            mutant[:, site] = np.eye(4)[letter]
            np.testing.assert_allclose(found[:, s, letter], np.asarray(truth(mutant)), rtol=1e-12)
    changed = accuracy.changes(x, sites)
    assert (changed.sum(2) == 3).all()
    assert (~changed == (x[:, [0, 7]] == 1)).all()


def test_errors_are_root_mean_squares_of_mutants_and_of_their_changes() -> None:
    changed = np.array([[[False, True, True]]])
    right = np.array([[[10.0, 13.0, 14.0]]])
    found = right + np.array([1.0, 1.0, 2.0])
    errors = accuracy.errors([found], [right], changed)
    assert errors["answers"] == pytest.approx(np.sqrt((1 + 4) / (13**2 + 14**2)))
    assert errors["changes"] == pytest.approx(np.sqrt((0 + 1) / (3**2 + 4**2)))


def test_rounding_ten_times_as_coarse_is_ten_times_the_error() -> None:
    rng = np.random.default_rng(0)
    right, noise = rng.standard_normal((2, 2, 3, 4, 5))
    changed = np.tile([False, True, True, True], (2, 3, 1))
    one, ten = (accuracy.errors([right + s * noise], [right], changed) for s in (1e-6, 1e-5))
    assert ten["answers"] / one["answers"] == pytest.approx(10)


def test_a_small_model_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(accuracy.SUBJECTS, "basset", small())
    row = accuracy.measured("basset")
    assert (row["sites"], row["of_sites"], row["sequences"]) == (160, 160, 2)
    assert row["mutants"] == 2 * 24 * 3
    assert 1e-9 < row["errors"]["float32"]["answers"] < 1e-5
    assert 0.1 < row["ratios"]["answers"] < accuracy.LIMIT


@pytest.mark.parametrize(("ratio", "code"), [(3.9, 0), (4.1, 1), (float("nan"), 1)])
def test_an_error_that_is_too_large_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ratio: float, code: int
) -> None:
    monkeypatch.setattr(accuracy, "measured", lambda name: results(ratio, name))
    file = tmp_path / "accuracy.json"
    call = ["accuracy", "--models", "basset", "--json", str(file)]
    found = CliRunner().invoke(app, call)
    assert found.exit_code == code
    assert ("basset: the error of ismc is" in found.output) == bool(code)
    assert "| A model | 8 of 9 sites | 24 |" in found.output
    assert records.read(file)["rows"][0]["row"] == "basset"


def test_an_unknown_model_is_told(tmp_path: Path) -> None:
    call = ["accuracy", "--models", "nothing", "--json", str(tmp_path / "x.json")]
    found = CliRunner().invoke(app, call)
    assert found.exit_code == 2
    assert "There is no row 'nothing'" in found.output


def test_committed_errors_are_at_most_four_times_those_of_float32() -> None:
    rows = records.read(ROOT / zoo_table.ACCURACY)["rows"]
    assert {row["row"] for row in rows} == set(accuracy.MODELS)
    assert accuracy.too_large(rows) == []


def test_the_table_of_architectures_is_made_of_the_committed_results() -> None:
    zoo, errors = (records.read(ROOT / file) for file in (zoo_table.ZOO, zoo_table.ACCURACY))
    text = pages.written("zoo", zoo_table.markdown(zoo, errors))
    assert text in (ROOT / pages.BENCHMARKS).read_text()


def test_a_table_is_written_into_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / pages.BENCHMARKS
    page.parent.mkdir()
    page.write_text(f"before\n{pages.written('zoo', 'old')}\nbehind\n")
    monkeypatch.setattr(accuracy, "measured", lambda name: results(1.0, name))
    file = tmp_path / "accuracy.json"
    zoo = records.read(ROOT / zoo_table.ZOO)
    monkeypatch.chdir(tmp_path)
    records.write(zoo_table.ZOO, zoo)
    call = ["accuracy", "--models", "basset", "--json", str(file), "--write"]
    assert CliRunner().invoke(app, call).exit_code == 0
    text = pages.written("zoo", zoo_table.markdown(zoo, records.read(file)))
    assert page.read_text() == f"before\n{text}\nbehind\n"
