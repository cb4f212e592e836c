"""Scores by name are what their formulas say, in NumPy and float64, wherever they are computed."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import ismc
from ismc import scores
from ismc.artifacts.cache import cached as kept
from ismc.errors import InputError
from ismc.execution.substitutions import every_letter
from ismc.scores import registry
from ismc.scores.letters import apply_across, present
from tests.support.comparing import some_slow
from tests.support.models import track_flat_head
from tests.zoo import one_hot, randomise

WRITES = tuple(map(int, tf.__version__.split(".")[:2])) >= (2, 18)  # StableHLO
LENGTH, TASKS = 20, 3
SITES = [(0, 1), (7, 8), (8, 9), (19, 20)]
WINDOWS = [(2, 5), (4, 6), (17, 20)]
Array = np.ndarray
Formula = Callable[[Array, Array], Array]


def sequences(count: int = 3, *, unknown: bool = True) -> Array:
    """Random sequences; all positions of the second one's sites 4 to 7 are N."""
    x = one_hot(np.random.default_rng(1), count, LENGTH).astype(np.float32)
    if unknown:
        x[1, 4:8] = 0
    return x


@cache
def model() -> keras.Model:
    return track_flat_head(0, LENGTH, TASKS, logits=True)


@cache
def every_mutant(sites: tuple[tuple[int, int], ...]) -> dict[str, tuple[Array, Array]]:
    """References ``[B, *output]`` and mutants ``[B, S, 4, *output]`` by `predict`, in float64."""
    x = sequences()
    shape = (len(x), len(sites), 4)
    mutants = np.broadcast_to(x[:, None, None], (*shape, LENGTH, 4)).copy()
    for s, (start, stop) in enumerate(sites):
        for c in range(4):
            mutants[:, s, c, start:stop] = np.eye(4)[c]
    r = model().predict(x, verbose=0)
    m = model().predict(mutants.reshape(-1, LENGTH, 4), verbose=0, batch_size=512)
    return {
        name: (r[name].astype(float), m[name].reshape(*shape, *r[name].shape[1:]).astype(float))
        for name in r
    }


def predicted(sites: Any, name: str) -> tuple[Array, Array]:
    return every_mutant(tuple(sites))[name]


def there(x: Array, sites: Any) -> Array:
    """Whether a letter fills a site already: ``[B, S, 4]``."""
    rows = [[(x[:, a:b] == np.eye(4)[c]).all((1, 2)) for c in range(4)] for a, b in sites]
    return np.moveaxis(np.array(rows), 2, 0)


def softmax(y: Array, axis: int) -> Array:
    z = np.exp(y - y.max(axis, keepdims=True))
    return z / z.sum(axis, keepdims=True)


def distance(r: Array, m: Array) -> Array:
    """The Jensen-Shannon distance in base 2 over axis 3, as the textbook has it."""
    p, q = softmax(r, 3), softmax(m, 3)
    half = (p + q) / 2
    divergence = (p * np.log2(p / half) + q * np.log2(q / half)).sum(3) / 2
    return np.sqrt(np.maximum(divergence, 0))


def over_outputs(d: Array) -> tuple[int, ...]:
    return tuple(range(3, d.ndim))


def weighted(r: Array, m: Array, *, normalised: bool = False) -> Array:
    d = m - r
    if normalised:
        d = d - d.mean(3, keepdims=True)
    return (softmax(r, 3) * d).sum(3)


PAIRWISE: dict[str, tuple[str, Formula]] = {
    "difference": ("track", lambda r, m: m - r),
    "log2_ratio": ("head", lambda r, m: np.log2((m + 1e-6) / (r + 1e-6))),
    "log2_ratio(pseudocount=0.5)": ("head", lambda r, m: np.log2((m + 0.5) / (r + 0.5))),
    "l2": ("track", lambda r, m: np.sqrt(((m - r) ** 2).sum(over_outputs(m)))),
    "counts": ("head", lambda r, m: (m - r).sum(3)),
    "profile": ("track", weighted),
    "profile(normalised=True)": ("flat", lambda r, m: weighted(r, m, normalised=True)),
    "jensen_shannon": ("track", distance),
    "difference(targets=[2, 0])": ("track", lambda r, m: (m - r)[..., [2, 0]]),
    "difference(targets=[-1], track=mean)": ("track", lambda r, m: (m - r).mean(3)[..., [-1]]),
    "difference(targets=:2)": ("head", lambda r, m: (m - r)[..., :2]),
    "difference(track=sum)": ("track", lambda r, m: m.sum(3) - r.sum(3)),
    "l2(track=max)": ("track", lambda r, m: np.sqrt(((m.max(3) - r.max(3)) ** 2).sum(3))),
    "profile(targets=1:)": ("track", lambda r, m: weighted(r, m)[..., 1:]),
    "jensen_shannon (flat)": ("flat", distance),
}


def expected(name: str, sites: Any, output: str) -> Array:
    """The scores of `sequences` by their formulas, in float64: ``[B, S, 4, *score]``."""
    r, m = predicted(sites, output)
    r = np.broadcast_to(r[:, None, None], m.shape)
    at = there(sequences(), sites)
    if name.startswith("centred"):
        d = m - r
        at = at.reshape(*at.shape, *[1] * (d.ndim - 3))
        d = np.where(at, 0, d)
        others = ~at if name.endswith("alternatives") else np.ones_like(at)
        return d - (d * others).sum(2, keepdims=True) / others.sum(2, keepdims=True)
    y = PAIRWISE[name][1](r, m)
    return np.where(at.reshape(*at.shape, *[1] * (y.ndim - 3)), 0, y)


COMPILED = [
    *[(name, SITES, PAIRWISE[name][0]) for name in PAIRWISE if name in scores.names()],
    ("centred", SITES, "track"),
    ("centred_alternatives", SITES, "head"),
    ("difference(targets=[-1], track=mean)", SITES, "track"),
    ("centred", WINDOWS, "head"),
    ("centred_alternatives", WINDOWS, "track"),
]


def near(found: Any, want: Array, scale: float = 1.0) -> None:
    assert found.shape == want.shape
    np.testing.assert_allclose(np.asarray(found), want, rtol=2e-5, atol=2e-6 * scale)


@pytest.mark.parametrize("name", PAIRWISE)
def test_every_score_is_its_formula(name: str) -> None:
    score = scores.parsed(name.partition(" (")[0])
    for sites in (SITES, WINDOWS):
        r, m = predicted(sites, PAIRWISE[name][0])
        rows = np.broadcast_to(r[:, None, None], m.shape).reshape(-1, *r.shape[1:])
        pair = (tf.constant(y, tf.float32) for y in (rows, m.reshape(rows.shape)))
        want = PAIRWISE[name][1](np.broadcast_to(r[:, None, None], m.shape), m)
        near(score(*pair), want.reshape(-1, *want.shape[3:]))
        assert np.abs(want).max() > 0.01


@pytest.mark.as_written
@pytest.mark.parametrize(("name", "sites", "output"), COMPILED)
def test_programs_compute_every_score(name: str, sites: Any, output: str) -> None:
    x, want, at = sequences(), expected(name, sites, output), there(sequences(), sites)
    ism = ismc.compile(model(), score=name, sites=sites, outputs=output, verify=False)
    inputs = ism.program.inputs(x)
    every = ism.saturate(x)  # all letters are computed, as some site is N
    turned = ism.saturate(x[::2])  # here all but the one that is there
    oracle = ismc.NaiveISM(model(), score=name, sites=sites, outputs=output).saturate(x)
    naive = ism.program._naive(inputs, every_letter(inputs, ism.plan))[0]
    for found in (every, oracle, naive):
        near(found, want)
    near(turned, want[::2])
    assert list(ism.program.shapes()[0]) == list(want.shape[3:])
    assert list(ism.program.reference_shapes()[0]) == list(ism.reference(x).shape[1:])
    if not ism.program.score.centred:
        for found, rows in ((every, at), (turned, at[::2]), (oracle, at), (naive, at)):
            assert (np.asarray(found)[rows] == 0).all()


def test_rounding_is_taken_off_the_letter_that_is_there() -> None:
    x, sites = tf.constant(sequences()), [*SITES, *WINDOWS]
    spans, width = tf.constant(sites), max(stop - start for start, stop in sites)
    off, at = tf.fill([3, len(sites), 4, 2], 1e-7), there(sequences(), sites)
    for score in (scores.named("difference"), scores.named("centred")):
        (found,) = apply_across(score, [off], x, spans, width, alternatives_only=False)
        d = np.where(at[..., None], 0, np.full(off.shape, 1e-7))
        want = d if score.name == "difference" else d - d.mean(2, keepdims=True)
        np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-12)
    assert (
        apply_across(scores.named("difference"), [off], x, spans, width, alternatives_only=True)[0]
        is off
    )
    assert (
        apply_across(lambda r, m: m - r, [off], x, spans, width, alternatives_only=False)[0] is off
    )
    assert apply_across(None, [off], x, spans, width, alternatives_only=False)[0] is off


def test_the_distance_is_that_of_scipy() -> None:
    spatial = pytest.importorskip("scipy.spatial.distance")
    rng = np.random.default_rng(0)
    r = rng.normal(size=(6, 500)) * 3
    for size in (10.0, 1.0, 1e-2, 1e-3):
        m = r + size * rng.normal(size=r.shape)
        pairs = zip(softmax(r, 1), softmax(m, 1), strict=True)
        want = [spatial.jensenshannon(p, q, base=2) for p, q in pairs]
        pair = (tf.constant(y, tf.float32) for y in (r, m))
        found = scores.named("jensen_shannon")(*pair)
        np.testing.assert_allclose(found, want, rtol=2e-5, atol=3e-7)
    apart = tf.constant([[100.0, 0.0]]), tf.constant([[0.0, 100.0]])
    np.testing.assert_allclose(scores.named("jensen_shannon")(*apart), [1.0], rtol=1e-6)


def test_verification_is_passed_by_scores_that_magnify_rounding() -> None:
    x = keras.Input((40, 4))
    y = layers.Conv1D(4, 5, activation="relu", padding="same", name="conv")(x)
    net = randomise(keras.Model(x, layers.GlobalAveragePooling1D()(y)), 0)
    kernel, bias = net.get_layer("conv").get_weights()
    rare = -0.28 * kernel.clip(0).sum((0, 1))  # so that many outputs are exactly 0
    net.get_layer("conv").set_weights([100 * kernel, 100 * rare + 0 * bias])
    ism = ismc.compile(net, score="log2_ratio")
    x = one_hot(np.random.default_rng(0), 2, 40).astype(np.float32)
    assert np.abs(np.asarray(ism.saturate(x))).max() > 5


def test_verification_sees_a_wrong_score(monkeypatch: pytest.MonkeyPatch) -> None:
    from ismc.ism import program

    def wrong(score: Any, answers: Any, *rest: Any) -> Any:
        del score, rest
        return [y * 1.01 for y in answers]

    monkeypatch.setattr(program, "apply_across", wrong)
    with pytest.raises(ismc.VerificationError, match="where the model gives"):
        ismc.compile(model(), score="log2_ratio", outputs="head", sites=SITES)


def test_negative_outputs_have_no_ratio() -> None:
    score = scores.named("log2_ratio")
    r = tf.constant([[1.0, 1.0]])
    found = score(r, tf.constant([[-1e-7, -0.5]])).numpy()[0]
    np.testing.assert_allclose(found[0], np.log2(1e-6 / (1 + 1e-6)), rtol=1e-6)
    assert np.isnan(found[1])


@pytest.mark.parametrize(
    "name",
    some_slow(["centred", "jensen_shannon", "log2_ratio(targets=[1])"], ["jensen_shannon"]),
)
@pytest.mark.skipif(not WRITES, reason="this TensorFlow writes no StableHLO")
def test_artifacts_hold_scores(name: str, tmp_path: Path) -> None:
    output, x = ("head" if "log2" in name else "track"), sequences()
    ism = ismc.compile(
        model(), score=name, outputs=output, sites=WINDOWS, verify=False, memory=1 << 14
    )
    ism.save(tmp_path / "m.ismc")
    loaded = ismc.load(tmp_path / "m.ismc", cache=False)
    np.testing.assert_array_equal(loaded.saturate(x), ism.saturate(x))
    assert loaded.score_name == loaded.record.score == ism.score_name == str(ism.program.score)
    assert loaded.program.score == ism.program.score
    assert [list(s) for s in loaded.program.shapes()] == [list(s) for s in ism.program.shapes()]
    assert [list(s) for s in loaded.program.reference_shapes()] == [
        list(s) for s in ism.program.reference_shapes()
    ]
    inputs = loaded.program.inputs(x)
    near(
        loaded.program._naive(inputs, every_letter(inputs, loaded.plan))[0], ism.saturate(x).numpy()
    )
    x[0, 0, 0] = np.inf
    np.testing.assert_array_equal(loaded.saturate(x)[1:], ism.saturate(x)[1:])
    if name == "centred":
        with pytest.raises(InputError, match="centred compares all letters"):
            loaded(x)
        ism.export_saved_model(tmp_path / "served")
        run = tf.saved_model.load(str(tmp_path / "served")).signatures
        assert sorted(run) == ["reference", "saturate", "serving_default"]
        clean = sequences()
        found = run["saturate"](dna=tf.constant(clean))["track"]
        near(found, ism.saturate(clean).numpy())


@pytest.mark.skipif(not WRITES, reason="this TensorFlow writes no StableHLO")
def test_scores_run_under_jax(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    x = sequences()
    ism = ismc.compile(model(), score="centred", sites=SITES, verify=False, memory=1 << 14)
    ism.save(tmp_path / "m.ismc")
    loaded = ismc.load(tmp_path / "m.ismc", runtime="jax")
    for found, want in zip(
        loaded.program.flat(loaded.saturate(x)), ism.program.flat(ism.saturate(x)), strict=True
    ):
        near(found, np.asarray(want))
    inputs = loaded.program.inputs(x)
    naive = loaded.program._naive(inputs, every_letter(inputs, loaded.plan))
    for found, want in zip(naive, ism.program.flat(ism.saturate(x)), strict=True):
        near(np.asarray(found), np.asarray(want))


def test_the_cache_tells_scores_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traced: list[str] = []
    lower = kept.lower
    monkeypatch.setattr(kept, "lower", lambda *args: (traced.append(args[2]), lower(*args))[1])
    keys, settings = [], {"sites": SITES, "verify": False, "cache": tmp_path}
    names = [("centred", "track"), ("difference", "head"), ("difference(targets=:2)", "head"),
             ("log2_ratio", "head"), ("log2_ratio(pseudocount=0.5)", "head")]  # fmt: skip
    for again in (False, True):
        for name, output in names:
            score = scores.parsed(name) if again else name
            ism = ismc.compile(model(), score=score, outputs=output, **settings)
            near(ism.saturate(sequences()), expected(name, SITES, output))
            keys.append(ism.key)
        assert len(traced) == (0 if again else len(names))
        traced.clear()
    assert all(keys)
    assert keys[: len(names)] == keys[len(names) :]
    assert len(set(keys)) == len(names)


def test_one_block_has_no_centred_score() -> None:
    for made in (ismc.compile, ismc.NaiveISM):
        ism = made(model(), score="centred", sites=SITES, **_quick(made))
        for call in (ism, lambda x, ism=ism: ism.predict(x, replace_with=0, verbose=0)):
            with pytest.raises(InputError, match=r"centred compares all letters") as caught:
                call(sequences())
            assert "saturate" in str(caught.value)


def _quick(made: Any) -> dict[str, Any]:
    return {"verify": False} if made is ismc.compile else {}


def test_present_letters_of_sites() -> None:
    x = sequences()
    found = present(x, [*SITES, *WINDOWS])
    np.testing.assert_array_equal(found, there(x, [*SITES, *WINDOWS]))
    assert found[1, 1].sum() == 0
    assert found[:, 0].sum(1).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("centered", "There is no score 'centered', expected one of difference, centred, "),
        ("centered", "Did you mean 'centred'?"),
        ("counts", "does not fit 'track': The score counts takes a head .*found .n, 18, 3."),
        ("profile(track=mean)", "does not fit 'flat': track=mean .*found .n, 18."),
        ("difference(targets=[3])", "number 3 of the 3 targets of an output .n, 3."),
        ("difference(targets=5:)", "none of the 3 targets"),
        ("log2_ratio(pseudocount=0)", "pseudocount is 0.0, expected a number above 0"),
        ("log2_ratio(pseudocount=few)", "pseudocount is 'few', expected a finite float"),
        ("log2_ratio(pseudo=1)", "no setting 'pseudo', expected one of pseudocount, targets, tra"),
        ("difference(track=median)", "track is 'median', expected one of sum, mean, max"),
        ("difference(targets=1.5)", "targets is 1.5, expected a number"),
        ("difference(targets=[])", "targets is .., expected"),
        ("difference(", "cannot be read"),
        ("difference(1)", "cannot be read"),
        ("difference(**a)", "cannot be read"),
        ("a.b", "cannot be read"),
        ("", "cannot be read"),
        (3, "score is 3, expected a name or a function"),
    ],
)
def test_scores_that_cannot_be(text: Any, said: str) -> None:
    with pytest.raises(InputError, match=said.replace("?", "[?]")):
        ismc.compile(model(), score=text, verify=False)


@pytest.mark.parametrize(
    "score",
    [
        scores.named("difference"),
        scores.named("log2_ratio", pseudocount=1, targets=np.array([3, 5]), track="mean"),
        scores.named("l2", targets=4),
        scores.named("l2", targets=slice(None, 10, 2)),
        scores.named("l2", targets=slice(-3, None)),
        scores.named("profile", normalised=True, track="sum"),
    ],
    ids=str,
)
def test_spellings_are_read_back(score: scores.Score) -> None:
    assert scores.parsed(str(score)) == score
    assert str(scores.parsed(str(score))) == str(score)
    assert hash(scores.parsed(str(score))) == hash(score)
    assert pickle.loads(pickle.dumps(score)) == score  # noqa: S301


def test_spellings() -> None:
    found = scores.named("log2_ratio", targets=[3, 5], track="mean")
    assert str(found) == "log2_ratio(pseudocount=1e-06, targets=[3, 5], track=mean)"
    assert str(scores.named("centred")) == "centred"
    assert str(scores.named("l2", targets=slice(0, 9))) == "l2(targets=0:9)"
    assert scores.parsed(" l2( targets = 0 : 9 ) ") == scores.named("l2", targets=slice(0, 9))
    assert repr(scores.named("centred")).startswith("<Score 'centred': d - mean of d")
    assert scores.names()[:2] == ("difference", "centred")
    assert all(f"\n{name} " in f"\n{scores.described()}" for name in scores.names())
    told = {s.name: (s.signed, s.centred) for s in registry.OWN}
    assert told["l2"] == told["jensen_shannon"] == (False, False)
    assert told["centred"] == told["centred_alternatives"] == (True, True)


def twice(reference: Any, mutant: Any, factor: float = 2.0) -> Any:
    return factor * (mutant - reference)


def test_users_register_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "REGISTERED", dict(registry.REGISTERED))
    monkeypatch.setitem(registry.REGISTERED, "twice", None)  # taken out again at the end
    made = scores.register("twice", twice, "factor (m - r)", zero=True)
    assert scores.names()[-1] == "twice"
    assert str(made) == "twice(factor=2.0)"
    x = sequences()
    want = expected("difference", SITES, "track")
    ism = ismc.compile(
        model(), score="twice(factor=3)", outputs="track", sites=SITES, cache=tmp_path
    )
    assert ism.score_name == "twice(factor=3.0)"
    assert not ism.key  # what a score of the user's computes is known once it is traced
    near(ism.saturate(x), 3 * want)
    kept = set(tmp_path.rglob("*.entry"))
    assert kept
    scores.register("twice", lambda r, m: 4 * (m - r), "4 (m - r)")
    again = ismc.compile(model(), score="twice", outputs="track", sites=SITES, cache=tmp_path)
    near(again.saturate(x), 4 * want)
    assert set(tmp_path.rglob("*.entry")) > kept
    for name, function in {
        "centred": twice,
        "two words": twice,
        "mine": lambda r, m, targets=3: (m - r) * targets,
        "ours": lambda r, m, weights: (m - r) * weights,
    }.items():
        with pytest.raises(InputError):
            scores.register(name, function, "")


def test_functions_are_scores_as_before() -> None:
    def largest(reference: Any, mutant: Any) -> Any:
        return tf.reduce_max(mutant - reference, -1)

    ism = ismc.compile(model(), score=largest, outputs="head", sites=SITES)
    assert ism.score_name.endswith("largest")
    assert ism.program.shapes() == [[]]
    assert re.search(r"outputs \['head'\], score '.*largest', plan \w{6}>$", repr(ism))
    y, r = ism(sequences(), replace_with=0), ism.reference(sequences())
    assert y.shape == (3, 4)
    assert r.shape == (3, TASKS)
    assert ismc.NaiveISM(model()).score is None
    assert ismc.compile(model(), verify=False).score_name == ""


def test_open_lengths_take_names() -> None:
    x = keras.Input((None, 4))
    y = layers.GlobalMaxPooling1D()(layers.Conv1D(3, 3, activation="relu")(x))
    net = randomise(keras.Model(x, y), 0)
    ism = ismc.compile(net, score="centred", verify=False)
    y = np.asarray(ism.saturate(sequences(unknown=False)))
    assert y.shape == (3, LENGTH, 4, 3)
    assert np.abs(y.sum(2)).max() < 1e-5
