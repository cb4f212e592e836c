"""What a user asks for comes to one job, whether models are files, objects or programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ismc
from tests.support.comparing import refused
from tests.support.models import two_heads
from tests.support.runs import LENGTH, kept_programs

pytestmark = pytest.mark.as_written

__all__ = ["kept_programs"]

LETTERS = "ACGT" * (LENGTH // 4)


@pytest.fixture(scope="module")
def model() -> Any:
    return two_heads()


@pytest.fixture(scope="module")
def scores(model: Any) -> Any:
    return ismc.score(model, LETTERS)


def test_outputs_by_number(model: Any, scores: Any) -> None:
    for number, name in enumerate(("counts", "head")):  # Keras sorts the keys of a dict
        found = ismc.score(model, LETTERS, outputs=number)
        assert [output.name for output in found.facts.outputs] == [name]
        np.testing.assert_allclose(found.scores()[:], scores.scores(name)[:], rtol=0, atol=1e-6)


def test_what_a_ready_program_is_asked_for(model: Any) -> None:
    program = ismc.compile(model, outputs="counts", sites=range(10, 20), score="l2")
    sites = np.arange(10, 20)
    same = [
        {"outputs": 0, "sites": sites, "score": "l2"},
        {"outputs": "counts", "sites": [(i, i + 1) for i in sites]},
        {"outputs": ["counts"]},
    ]
    for more in same:
        assert ismc.score(program, LETTERS, **more).facts.score == "l2"
    others = {
        "the outputs ['counts'], expected ['head']": {"outputs": ["head"]},
        "expected [1]": {"outputs": 1},
        "for 10 sites, (10, 11) to (19, 20), expected 1, (3, 4) to (3, 4)": {
            "sites": np.array([3])
        },
        "(19, 20), expected none": {"sites": []},
        "the score 'l2', expected 'centred'": {"score": "centred"},
        "cannot take memory, tile": {"memory": 1 << 20, "tile": 3},
    }
    for words, more in others.items():
        refused(lambda more=more: ismc.score(program, LETTERS, **more), "already compiled", words)


def test_lengths(model: Any, scores: Any, tmp_path: Path) -> None:
    open_model = two_heads(length=None)
    for models in (open_model, ismc.compile(open_model, score="difference")):
        found = ismc.score(models, LETTERS)
        np.testing.assert_allclose(found.scores("head")[:], scores.scores("head")[:], atol=1e-6)
    both = ismc.score([open_model, model], LETTERS)
    np.testing.assert_allclose(both.scores("head")[:], scores.scores("head")[:], atol=1e-6)
    words = f"expected {LENGTH}, the length of the model", "Cut or pad"
    refused(lambda: ismc.score(model, LETTERS[:40]), "40 letters", *words)
    refused(lambda: ismc.score(model, LETTERS, length=40), "length is 40", *words)
    refused(lambda: ismc.score([two_heads(length=40), model], LETTERS), "40 and 60 letters")
    records = [LETTERS, LETTERS[:50], LETTERS[:50], LETTERS[:50], LETTERS[::-1]]
    fasta = tmp_path / "x.fa"
    fasta.write_text("".join(f">r{i}\n{text}\n" for i, text in enumerate(records)))
    with pytest.warns(UserWarning, match="3 records skipped"):
        found = ismc.score(model, fasta, on_error="skip")
    assert found.names.tolist() == ["r0", "r4"]
    cut = ismc.score(open_model, LETTERS[:40])
    assert cut.facts.length == 40


def test_where_there_is_nothing_to_append_to(model: Any) -> None:
    refused(lambda: ismc.score(model, LETTERS, append=True), "no store to append to", "output=")
