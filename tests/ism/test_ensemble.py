"""Ensembles are the mean over their members, each of which is the model on what it sees."""

from __future__ import annotations

import pickle
from functools import cache, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import ismc
from ismc.api import ensemble
from ismc.artifacts.cache import cached as kept
from ismc.errors import InputError
from ismc.ism.ensemble import Ensemble
from ismc.ism.ensemble.views import View
from ismc.jobs.digests import model_digest
from tests.scores.test_scores_by_name import WRITES
from tests.support.models import track_flat_head
from tests.zoo import one_hot, randomise

pytestmark = pytest.mark.as_written

LENGTH = 18
Array = np.ndarray
quick = partial(ensemble, verify=False)


@cache
def folds() -> list[keras.Model]:
    return [track_flat_head(0), track_flat_head(1)]


def sequences(count: int = 2) -> Array:
    """Random sequences; the first has an N, and a position between two letters."""
    x = one_hot(np.random.default_rng(1), count, LENGTH).astype(np.float32)
    x[0, 4] = 0
    x[0, 9] = [0.5, 0, 0.5, 0]
    return x


def seen(x: Array, shift: int, reverse: bool) -> Array:
    """What a member sees, position by position."""
    y = np.zeros_like(x)
    for i in range(x.shape[1]):
        if 0 <= i + shift < x.shape[1]:
            y[:, i + shift] = x[:, i]
    return y[:, ::-1, ::-1] if reverse else y


def expected(
    models: Any, x: Array, sites: Any, views: Any, output: str, score: Any = None, turn: bool = True
) -> tuple[Array, Array]:
    """Scores and references by the models' own `predict`, in float64, member by member.

    Letters are written into the sequence itself, and the mutant is then shown to each member.
    """
    shape = (len(x), len(sites), 4)
    mutants = np.broadcast_to(x[:, None, None], (*shape, *x.shape[1:])).copy()
    for s, (start, stop) in enumerate(sites):
        for c in range(4):
            mutants[:, s, c, start:stop] = np.eye(4)[c]
    mutants = mutants.reshape(-1, *x.shape[1:])
    scored, references = [], []
    for model in models:
        for shift, reverse in views:
            m = model.predict(seen(mutants, shift, reverse), verbose=0, batch_size=512)[output]
            r = model.predict(seen(x, shift, reverse), verbose=0)[output].astype(float)
            if reverse and turn:
                m, r = m[:, ::-1], r[:, ::-1]
            m = m.reshape(*shape, *r.shape[1:]).astype(float)
            references.append(r)
            scored.append(m if score is None else score(r[:, None, None], m))
    return np.mean(scored, 0), np.mean(references, 0)


def near(found: Any, want: Array) -> None:
    assert found.shape == want.shape
    np.testing.assert_allclose(np.asarray(found), want, rtol=2e-5, atol=2e-6)


EVERY = [(i, i + 1) for i in range(LENGTH)]
VIEWS = [(k, reverse) for reverse in (False, True) for k in (-2, 0, 3)]


def test_all_members_are_averaged(tmp_path: Path) -> None:
    x = sequences()
    both = quick(folds(), reverse_complement=True, shifts=(-2, 0, 3), cache=tmp_path)
    assert len(both.members) == 12
    assert len({id(member.program) for member in both.members}) == 2
    found, own = both.saturate(x), both.reference(x)
    for name in ("track", "flat", "head"):
        want, reference = expected(folds(), x, EVERY, VIEWS, name, turn=name == "track")
        near(found[name], want)
        near(own[name], reference)


def ratio(r: Array, m: Array) -> Array:
    return np.log2((m.sum(3) + 1e-6) / (r.sum(3) + 1e-6))


def centred(r: Array, m: Array) -> Array:
    return (m - r) - (m - r).mean(2, keepdims=True)


def l2(r: Array, m: Array) -> Array:
    return np.sqrt(((m - r) ** 2).sum((3, 4)))


@pytest.mark.parametrize(
    ("name", "output", "score"),
    [
        ("log2_ratio(track=sum)", "track", ratio),
        ("centred", "track", centred),
        ("l2", "track", l2),
        (None, "head", None),
    ],
)
def test_sites_move_with_the_sequence(name: Any, output: str, score: Any) -> None:
    x, sites = sequences(), [(0, 1), (16, 18), (4, 6), (17, 18), (1, 4)]
    some = quick(
        folds()[0], reverse_complement=True, shifts=(-2, 0, 3), sites=sites, outputs=output,
        score=name,
    )  # fmt: skip
    want, reference = expected(folds()[:1], x, sites, VIEWS, output, score, turn=output == "track")
    near(some.saturate(x), want)
    near(some.reference(x), reference)
    assert some.sites == tuple(sites)
    assert len({id(member.program) for member in some.members}) == 2
    for numbers in ([1, 2], [0], [3]):
        (found,) = some.program.saturated(some.program.inputs(x), numbers)
        near(found.numpy()[:, numbers], want[:, numbers])
    assert list(some.program.shapes()[0]) == list(want.shape[3:])
    assert some.score_name == ("" if name is None else str(ismc.scores.parsed(name)))


def test_a_site_that_is_nowhere_changes_nothing() -> None:
    x, far = sequences(), [(0, 2)]
    for name in ("difference", None, "centred_alternatives"):
        gone = quick(folds()[0], shifts=-2, sites=far, outputs="head", score=name)
        want, reference = expected(folds()[:1], x, far, [(-2, False)], "head", lambda r, m: m - r)
        assert np.abs(want).max() < 1e-6
        found = np.asarray(gone.saturate(x))
        near(found, want if name else np.broadcast_to(reference[:, None, None], want.shape))
        assert not name or (found == 0).all()
        assert gone.saturate(x[:0]).shape == (0, 1, 4, 3)


def test_scores_are_averaged_not_predictions(tmp_path: Path) -> None:
    x = sequences()
    settings = {"score": "log2_ratio", "outputs": "head", "sites": [3], "cache": tmp_path}
    both = quick(folds(), **settings)
    each = [ismc.compile(model, verify=False, **settings) for model in folds()]
    near(both.saturate(x), np.mean([ism.saturate(x) for ism in each], 0))
    near(both.reference(x), np.mean([ism.reference(x) for ism in each], 0))


def test_outputs_are_mirrored_as_asked(tmp_path: Path) -> None:
    x, views = sequences(), [(0, False), (0, True)]
    turned = {True: ["track"], (): [], "flat": ["flat"], ("flat", "track"): ["flat", "track"]}
    for asked, names in turned.items():
        both = quick(
            folds()[0], reverse_complement=True, mirror_outputs=asked, sites=[2, 15],
            outputs=["track", "flat"], cache=tmp_path,
        )  # fmt: skip
        found, own = both.saturate(x), both.reference(x)
        for i, name in enumerate(("track", "flat")):
            want, reference = expected(
                folds()[:1], x, [(2, 3), (15, 16)], views, name, turn=name in names
            )
            near(found[i], want)
            near(own[i], reference)


def test_programs_are_averaged_as_they_are(tmp_path: Path) -> None:
    x = sequences()[1:]
    settings = {"score": "l2", "sites": [1, 5], "outputs": "head", "memory": 1 << 14}
    made = [ismc.compile(m, verify=False, **settings) for m in folds()]
    want = np.mean([ism.saturate(x) for ism in made], 0)
    both = ensemble(made)
    assert both.program.first.score == ismc.scores.named("l2")
    near(both.saturate(x), want)
    if not WRITES:
        return
    for i, ism in enumerate(made):
        ism.save(tmp_path / f"{i}.ismc")
    for runtime in ("tensorflow", "jax"):
        pytest.importorskip(runtime)
        files = [tmp_path / f"{i}.ismc" for i in range(2)]
        loaded = ensemble([ismc.load(file, runtime=runtime, cache=False) for file in files])
        found = loaded.saturate(x)
        near(np.asarray(found), want)
        assert runtime in type(found).__module__  # never NumPy in between
        assert loaded.reference(x).shape == (1, 3)


@pytest.mark.compiled
@pytest.mark.skipif(not WRITES, reason="this TensorFlow writes no StableHLO")
def test_an_ensemble_is_taken_elsewhere(tmp_path: Path) -> None:
    x, packs = sequences(), []
    here = quick(
        folds()[0], reverse_complement=True, shifts=(0, 1), sites=[(0, 1), (16, 18)],
        outputs="track", score="centred", memory=1 << 14,
    )  # fmt: skip

    def pack(program: Any) -> bytes:
        packs.append(program)
        ismc.CompiledISM(program).save(tmp_path / "p.ismc")
        return (tmp_path / "p.ismc").read_bytes()

    def unpack(data: bytes) -> Any:
        (tmp_path / "p.ismc").write_bytes(data)
        return ismc.load(tmp_path / "p.ismc", cache=False).program

    packed = pickle.loads(pickle.dumps(here.program.with_programs(pack)))  # noqa: S301
    there = Ensemble(packed.with_programs(unpack))
    assert len(packs) == 2
    np.testing.assert_array_equal(there.saturate(x), here.saturate(x))
    assert here.program.with_programs(lambda _: None) is None


@pytest.mark.compiled
def test_folds_share_one_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traced: list[str] = []
    lower = kept.lower
    monkeypatch.setattr(kept, "lower", lambda *args: (traced.append(args[2]), lower(*args))[1])
    x = sequences()[1:]
    both = quick(folds(), cache=tmp_path, sites=[3, 7], outputs="head")
    both.saturate(x)
    both.reference(x)
    assert traced == ["program", "model"]
    assert len({member.program.key for member in both.members}) == 1


def test_predict_is_numpy_in_batches(capsys: pytest.CaptureFixture[str]) -> None:
    both = quick(folds()[0], sites=[3, 7], shifts=(0, 1), outputs=["head"])
    x = sequences(5)
    found = both.predict(x, batch_size=2, verbose=1)
    assert "5/5" in capsys.readouterr().err
    assert isinstance(found[0], np.ndarray)
    near(found[0], both.saturate(x)[0].numpy())
    assert both.predict(x[:0], verbose=0)[0].shape == (0, 2, 4, 3)
    with pytest.raises(InputError, match="batch_size is 0"):
        both.predict(x, batch_size=0)


def test_an_ensemble_says_what_it_is() -> None:
    made = quick(folds(), reverse_complement=True, shifts=(-1, 0, 1), score="centred", sites=[3])
    assert repr(made) == (
        "<Ensemble of 2 models x 2 orientations x 3 shifts: [18, 4], 1 sites, outputs "
        "['flat', 'head', 'track'], score 'centred'>"
    )
    text = made.explain()
    assert text.startswith(
        "average of 2 models x 2 orientations x 3 shifts: 12 members\nshifts: -1"
    )
    assert "operations per mutant" in text
    assert made.input_shape == (LENGTH, 4)
    assert made.output_names == ["flat", "head", "track"]
    assert [list(s) for s in made.program.reference_shapes()] == [[16], [3], [16, 2]]
    digests = {
        model_digest(quick(folds()[0], sites=[3], **views))
        for views in ({}, {"shifts": 1}, {"reverse_complement": True}, {"shifts": (0, 1)})
    }
    assert len(digests) == 4


def mirrored_inputs() -> keras.Model:
    x, control = keras.Input((LENGTH, 4), name="dna"), keras.Input((LENGTH, 2), name="control")
    y = layers.Flatten()(layers.Concatenate()([x, control]))
    return keras.Model([x, control], layers.Dense(1)(y))


def any_length() -> keras.Model:
    x = keras.Input((None, 4))
    return keras.Model(x, layers.GlobalMaxPooling1D()(layers.Conv1D(3, 3)(x)))


@pytest.mark.parametrize(
    ("models", "settings", "said"),
    [
        (list, {}, "models is empty"),
        (
            lambda: [track_flat_head(), track_flat_head(length=20)],
            {},
            r"Model 1 differs in its inputs .*\[\[20, 4\]\]",
        ),
        (
            lambda: [track_flat_head(), track_flat_head(tasks=3)],
            {},
            "Model 1 differs in its output shapes",
        ),
        (any_length, {}, "Model 0 takes sequences of any length"),
        (
            track_flat_head,
            {"shifts": (0, 18)},
            "shifts is .*, expected different whole numbers between -17",
        ),
        (track_flat_head, {"shifts": ()}, "shifts is"),
        (track_flat_head, {"shifts": (1, 1)}, "shifts is"),
        (track_flat_head, {"shifts": (0.5,)}, "shifts is"),
        (track_flat_head, {"mirror_outputs": "tracks"}, "mirror_outputs names 'tracks'"),
        (track_flat_head, {"score": "counts"}, "does not fit"),
        (mirrored_inputs, {"shifts": (0, 1)}, "'control' may have positions"),
        (
            lambda: [ismc.compile(track_flat_head(), verify=False), track_flat_head()],
            {},
            "compiled already",
        ),
        (
            lambda: ismc.compile(track_flat_head(), verify=False),
            {"shifts": (0, 1)},
            "compiled already",
        ),
    ],
)
def test_what_cannot_be_averaged(models: Any, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ensemble(models(), **settings)


def test_programs_must_answer_alike() -> None:
    first = ismc.compile(folds()[0], sites=[1], verify=False)
    others = {"sites": {"sites": [2]}, "score shapes": {"sites": [1], "score": "l2"}}
    for said, settings in others.items():
        with pytest.raises(InputError, match=f"Model 1 differs in its {said} from the first"):
            ensemble([first, ismc.compile(folds()[1], verify=False, **settings)])
    assert isinstance(ensemble(first), Ensemble)


def test_two_inputs_are_averaged_where_nothing_moves() -> None:
    nets = [randomise(mirrored_inputs(), seed) for seed in (0, 1)]
    x = [sequences(), np.random.default_rng(0).normal(size=(2, LENGTH, 2)).astype(np.float32)]
    both = quick(nets, sites=[3, 4])
    want = np.mean([ismc.NaiveISM(net, sites=[3, 4]).saturate(x) for net in nets], 0)
    near(both.saturate(x), want)


def test_views() -> None:
    x = sequences()
    for shift in (-3, 0, 5):
        for reverse in (False, True):
            np.testing.assert_array_equal(View(shift, reverse).seen(x), seen(x, shift, reverse))


def test_names_of_inputs_are_each_models_own() -> None:
    """Keras numbers the layers of all models of a process."""

    def unnamed(seed: int) -> keras.Model:
        dna, other = keras.Input((LENGTH, 4)), keras.Input((3,))
        y = layers.Conv1D(4, 3, activation="relu")(dna)
        y = layers.Concatenate()([layers.GlobalMaxPooling1D()(y), other])
        return randomise(keras.Model([dna, other], layers.Dense(2)(y)), seed)

    nets = [unnamed(seed) for seed in range(2)]
    names = [{tensor.name for tensor in net.inputs} for net in nets]
    assert names[0].isdisjoint(names[1])
    x = [sequences(), np.random.default_rng(2).normal(size=(2, 3)).astype(np.float32)]
    ism = ismc.ensemble(nets, sites=[3, 4], verify=False)
    want = np.mean([ismc.NaiveISM(net, sites=[3, 4]).saturate(x) for net in nets], 0)
    np.testing.assert_allclose(ism.saturate(x), want, rtol=0, atol=1e-5)
    want = np.mean([net(x) for net in nets], 0)
    np.testing.assert_allclose(ism.reference(x), want, rtol=0, atol=1e-5)
