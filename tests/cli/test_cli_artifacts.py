"""`ismc compile`, `ismc inspect`, and `ismc run` of an artifact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ismc
from tests.artifacts.test_artifacts import pytestmark
from tests.cli.test_cli import LENGTH, _call, _fails, files, loaded, work
from tests.support.models import head_and_track
from tests.support.runs import kept_programs

__all__ = ["files", "kept_programs", "pytestmark", "work"]


@pytest.fixture
def artifact(work: Path) -> Path:
    code, out, err = _call(
        "compile", "model.keras", "-o", "model.ismc", "--start", "2", "--end", "7"
    )
    assert code == 0, err
    assert out.startswith("model.ismc (")
    return work / "model.ismc"


def test_an_artifact_scores_as_its_model_does(work: Path, artifact: Path) -> None:
    options = ("--fasta", "in.fa", "--start", "2", "--end", "7")
    assert _call("run", "model.keras", *options, "-o", "a.npz")[0] == 0
    code, out, err = _call("run", artifact.name, "--fasta", "in.fa", "-o", "b.npz")
    assert code == 0, err
    assert "mutants" in out
    first, second = loaded(work / "a.npz"), loaded(work / "b.npz")
    assert set(first) == set(second)
    for key in set(first) - {"model"}:
        np.testing.assert_array_equal(first[key], second[key], err_msg=key)
    assert _call("run", artifact.name, *options, "-o", "c.npz")[0] == 0


def test_an_artifact_without_a_score(work: Path) -> None:
    ismc.compile(head_and_track(LENGTH, 3, 3)).save(work / "plain.ismc")
    assert _call("run", "model.keras", "--fasta", "in.fa", "-o", "a.npz")[0] == 0
    assert _call("run", "plain.ismc", "--fasta", "in.fa", "-o", "b.npz")[0] == 0
    first, second = loaded(work / "a.npz"), loaded(work / "b.npz")
    for key in [key for key in first if key.startswith("scores")]:
        np.testing.assert_allclose(first[key], second[key], rtol=0, atol=1e-6)


def test_what_does_not_fit_an_artifact(work: Path, artifact: Path) -> None:
    start = ("run", artifact.name, "-o", "out.npz")
    _fails((*start, "--fasta", "in.fa", "--start", "3"), "is for 5 sites, (2, 3) to (6, 7)")
    _fails((*start, "--fasta", "in.fa", "--model-output", "head"), "has the outputs")
    (work / "long.fa").write_text(">a\n" + "ACGT" * 20 + "\n")
    _fails((*start, "--fasta", "long.fa"), "have 80 letters, expected")
    ismc.compile(head_and_track(LENGTH, 3, 3), score=lambda r, m: 2 * (m - r)).save(
        work / "own.ismc"
    )
    own = ("run", "own.ismc", "--fasta", "in.fa", "-o", "out.npz")
    _fails((*own, "--score", "difference"), "has the score", "<lambda>")
    artifact.write_bytes(artifact.read_bytes()[:-1])
    _fails((*start, "--fasta", "in.fa"), "is damaged")
    assert not (work / "out.npz").exists()


def test_compile_keeps_what_is_there(work: Path, artifact: Path) -> None:
    before = artifact.read_bytes()
    _fails(("compile", "model.keras", "-o", artifact.name), "exists", "--overwrite")
    assert artifact.read_bytes() == before
    _fails(("compile", "nothing.keras", "-o", "x.ismc"), "does not exist")
    _fails(("compile", "model.keras", "-o", "no/x.ismc"), "The folder no does not exist")
    assert not list(work.glob("*.part"))


def test_inspect_prints_plan_versions_sizes_and_checks(work: Path, artifact: Path) -> None:
    del work
    code, out, _ = _call("inspect", artifact.name)
    assert code == 0
    for words in ("intact", "operations per mutant", f"ismc {ismc.__version__}", "tensorflow ",
                  "difference", "5, (2, 3) to (6, 7)", "saturate-3-turned-1",
                  "results at 5 sites", "numbers"):  # fmt: skip
        assert words in out, out
    _fails(("inspect", "in.fa"), "is not an artifact of ismc")
    _fails(("inspect", "nothing.ismc"), "cannot be read")
