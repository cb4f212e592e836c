"""Every object for in-silico mutagenesis has the same calls, and few other public names."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import ismc
from ismc.ism.calls import ISM
from ismc.ism.ensemble import Ensemble
from ismc.ism.scanner import Scanner
from ismc.jobs.program import ProgramProvider, ScoringSpec
from tests.support.models import two_heads
from tests.zoo import one_hot

CALLS = ("__call__", "saturate", "reference", "predict", "explain")
FACTS = ("sites", "output_names", "score_name")
CLASSES = (ismc.CompiledISM, ismc.LoadedISM, Ensemble, ismc.OpenISM, ismc.NaiveISM)
COMMON = {"checks", "input_shape", "program", *CALLS[1:], *FACTS}
OF_ONE_MODEL = COMMON | {"export_saved_model", "plan", "source", "tally"}
NAMES = {
    "CompiledISM": OF_ONE_MODEL | {"key", "profile", "save"},
    "LoadedISM": OF_ONE_MODEL | {"path", "record", "verify", "with_weights"},
    "Ensemble": COMMON | {"members", "views"},
    "OpenISM": {*CALLS[1:], *FACTS, "at", "chosen_sites", "compile", "model", "outputs", "programs",
                "score"},
    "NaiveISM": {*CALLS[1:], *FACTS, "answers", "batch_size", "chosen", "form", "input_names",
                 "model", "only", "score", "sequence", "signature", "structure"},
}  # fmt: skip
"""The public names of each object: one that is added here is part of what users learn."""


@pytest.fixture(scope="module")
def scanners(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("scanner") / "a.ismc"
    model, options = two_heads(), {"score": "difference", "verify": False}
    ism = ismc.compile(model, **options)
    ism.save(path)
    made = (
        ism,
        ismc.load(path),
        ismc.ensemble([model], shifts=(0, 1), **options),
        ismc.compile(two_heads(length=None), **options),
        ismc.NaiveISM(model, score="difference"),
    )
    return {type(scanner).__name__: scanner for scanner in made}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("call", CALLS)
def test_calls_have_the_same_parameters(kind: type, call: str) -> None:
    own, expected = (inspect.signature(getattr(k, call)) for k in (kind, Scanner))
    described = [
        [(p.name, p.kind, p.default) for p in signature.parameters.values()]
        for signature in (own, expected)
    ]
    assert described[0] == described[1]


@pytest.mark.parametrize("name", NAMES)
def test_public_names_are_these(scanners: dict[str, Any], name: str) -> None:
    found = {n for n in dir(scanners[name]) if not n.startswith("_")}
    assert found == NAMES[name]


def test_each_answers_alike(scanners: dict[str, Any]) -> None:
    x, block = one_hot(np.random.default_rng(0), 2, 60, unknown=0), [0, 0, 1, 0]
    want = scanners["NaiveISM"]
    for name, scanner in scanners.items():
        assert isinstance(scanner, Scanner)
        assert scanner.output_names == want.output_names
        assert scanner.score_name == want.score_name
        assert scanner.sites == (None if name == "OpenISM" else want.sites)
        assert scanner.explain(60)
        if name == "Ensemble":  # the mean over shifts is another number
            continue
        for key, y in want.predict(x, block).items():
            found = scanner.predict(x, block, batch_size=1, verbose=0, check=False)[key]
            np.testing.assert_allclose(found, y, rtol=1e-4, atol=1e-5)


def test_another_length_has_no_plan(scanners: dict[str, Any]) -> None:
    for name, scanner in scanners.items():
        if name != "OpenISM":
            with pytest.raises(ismc.InputError, match="The length is 50, expected 60"):
                scanner.explain(50)
    with pytest.raises(ismc.InputError, match="one plan for each length, expected a length"):
        scanners["OpenISM"].explain()


def test_given_sites_of_an_open_length() -> None:
    ism = ismc.compile(two_heads(length=None), sites=[3, (5, 9)], outputs="counts", score="l2")
    assert ism.sites == ((3, 4), (5, 9))
    assert ism.output_names == ["counts"]
    assert ism.score_name == str(ismc.scores.named("l2"))


def test_a_run_takes_what_is_compiled(scanners: dict[str, Any]) -> None:
    for name in ("CompiledISM", "LoadedISM", "Ensemble", "OpenISM"):
        provider = ProgramProvider(ScoringSpec([scanners[name]]))
        assert provider.length == (None if name == "OpenISM" else 60)
        assert isinstance(provider.at(None, 60), ISM)


BLOCKS: list[Any] = [0.5, [0.1, 0.2, 0.3, 0.4], np.random.default_rng(1).random((3, 4))]


@pytest.mark.parametrize("block", BLOCKS, ids=["number", "letter", "block"])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "both"])
def test_an_ensemble_writes_blocks(block: Any, reverse: bool) -> None:
    """The mean over views of the model's answers for sequences with the block written in."""
    model, width = two_heads(), 3
    sites = [(start, start + width) for start in range(4, 50, 7)]
    options = {"outputs": "counts", "sites": sites, "verify": False}
    both = ismc.ensemble(model, reverse_complement=reverse, shifts=(-2, 0, 3), **options)
    x = one_hot(np.random.default_rng(0), 2, 60, unknown=0)
    written = np.repeat(x[:, None], len(sites), 1)
    for i, (start, stop) in enumerate(sites):
        written[:, i, start:stop] = block
    flat, wanted = written.reshape(-1, 60, 4), []
    for view in both.views:
        wanted.append(np.asarray(model(view.seen(flat))["counts"]))
    want = np.mean(wanted, 0).reshape(2, len(sites), 1)
    np.testing.assert_allclose(both(x, block), want, rtol=1e-4, atol=1e-5)
    found = both.predict(x, block, batch_size=1, verbose=0)
    np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-5)


def test_sites_that_a_view_moves_out_take_letters_only() -> None:
    both = ismc.ensemble(
        two_heads(), shifts=(0, 2), sites=[(0, 3), (57, 60)], outputs="counts", verify=False
    )
    x = one_hot(np.random.default_rng(0), 2, 60, unknown=0)
    with pytest.raises(ismc.InputError, match="several letters, and not all sites"):
        both(x, np.eye(4)[:3])
    written = x.copy()
    written[:, 57:] = [0, 0, 1, 0]
    seen = [np.asarray(two_heads()(view.seen(written))["counts"]) for view in both.views]
    np.testing.assert_allclose(both(x, [0, 0, 1, 0])[:, 1], np.mean(seen, 0), rtol=1e-4, atol=1e-5)


def test_blocks_of_scores_across_letters_are_refused() -> None:
    both = ismc.ensemble(two_heads(), outputs="counts", score="centred", verify=False)
    with pytest.raises(ismc.InputError, match="centred"):
        both(np.zeros((1, 60, 4)))
