"""The drop-in for fastISM: its arguments, its results, and the four sets of layer names."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import ismc
from ismc import fastism
from ismc.fastism import FastISM, NaiveISM, fast_ism_utils
from ismc.rules import examples

pytestmark = pytest.mark.as_written

LENGTH = 24
SETS = ("SEE_THROUGH_LAYERS", "AGGREGATE_LAYERS", "STOP_LAYERS", "POOLING_LAYERS")


@pytest.fixture(autouse=True)
def _restored_sets() -> Iterator[None]:
    before = {name: set(getattr(fast_ism_utils, name)) for name in SETS}
    yield
    for name, names in before.items():
        found = getattr(fast_ism_utils, name)
        found.clear()
        found |= names


class Twice(layers.Layer):
    def call(self, x: Any) -> Any:
        return 2 * x


class Gain(layers.Layer):
    def build(self, shape: Any) -> None:
        self.gain = self.add_weight(shape=(shape[-1],), initializer="random_normal", name="gain")

    def call(self, x: Any) -> Any:
        return x * self.gain


class Neighbour(layers.Layer):
    def call(self, x: Any) -> Any:
        return x + keras.ops.roll(x, 1, axis=1)


class Blend(layers.Layer):
    def build(self, shapes: Any) -> None:
        shape = (len(shapes), shapes[0][-1])
        self.share = self.add_weight(shape=shape, initializer="random_normal", name="share")

    def call(self, xs: Any) -> Any:
        return keras.ops.tanh(sum(x * self.share[i] for i, x in enumerate(xs)))


class Smallest(layers.Layer):
    def call(self, xs: Any) -> Any:
        return keras.ops.minimum(xs[0], xs[1])


class Ends(layers.Layer):
    """Puts values one after the other, as no merge of positions does."""

    def call(self, xs: Any) -> Any:
        return keras.ops.concatenate(xs, axis=1)


class WeightedPool(layers.Layer):
    """Softmax-weighted windows, as attention pooling does: the weights are trained."""

    def __init__(
        self, pool_size: Any = 2, strides: Any = None, padding: str = "valid",
        data_format: str = "channels_last", **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.pool_size, self.strides = pool_size, strides
        self.padding, self.data_format = padding, data_format

    def build(self, shape: Any) -> None:
        size = (shape[-1], shape[-1])
        self.logits = self.add_weight(shape=size, initializer="random_normal", name="logits")

    def call(self, x: Any) -> Any:
        e = keras.ops.exp(keras.ops.matmul(x, self.logits))
        options = (self.pool_size, self.strides, self.padding)
        total = keras.ops.average_pool(e, *options)
        return keras.ops.average_pool(e * x, *options) / total


class LargestOfTwo(layers.Layer):
    pool_size, padding = (2,), "valid"

    def call(self, x: Any) -> Any:
        return keras.ops.max_pool(x, 2)


def one_hot(count: int = 3, length: int = LENGTH, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.eye(4, dtype="float32")[rng.integers(0, 4, (count, length))]


def through(*middle: Any) -> keras.Model:
    """A convolution, what is tried, another convolution, and a head."""
    x = keras.Input((LENGTH, 4))
    y = layers.Conv1D(5, 3, padding="same", activation="relu", name="first")(x)
    for layer in middle:
        y = layer(y)
    y = layers.Conv1D(4, 3, padding="same", activation="relu", name="second")(y)
    return keras.Model(x, layers.Dense(2, name="head")(layers.Flatten()(y)))


def merging(layer: Any) -> keras.Model:
    x = keras.Input((LENGTH, 4))
    a = layers.Conv1D(5, 3, padding="same", activation="relu")(x)
    b = layers.Conv1D(5, 5, padding="same")(x)
    y = layers.Conv1D(4, 3, padding="same")(layer([a, b]))
    return keras.Model(x, layers.GlobalMaxPooling1D()(y))


def same(got: Any, want: Any) -> None:
    assert type(got) is type(want) is np.ndarray
    assert got.dtype == want.dtype == np.float32
    scale = max(float(np.abs(want).max()), 1e-3)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * scale)


def line(ism: FastISM, title: str) -> str:
    """What the plan says of the layer of this class."""
    return next(line for line in ism.compiled.explain().splitlines() if title in line)


def agrees(model: keras.Model, **arguments: Any) -> FastISM:
    ism = FastISM(model, **arguments)
    same(ism(one_hot()), NaiveISM(model)(one_hot()))
    return ism


# --- calls --------------------------------------------------------------------------------------


def test_the_import_is_light_and_the_names_are_there() -> None:
    code = (
        "import sys; from ismc import fastism; from ismc.fastism import FastISM, NaiveISM; "
        "fastism.fast_ism_utils.SEE_THROUGH_LAYERS.add('Mine'); "
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603
    assert fastism.FastISM is FastISM


def test_every_position_by_default_and_the_attributes() -> None:
    model = through()
    ism = agrees(model)
    assert ism(one_hot()).shape == (3, LENGTH, 2)
    assert ism.model is model
    assert ism.seq_input_idx == 0
    assert ism.change_ranges == NaiveISM(model).change_ranges
    assert ism.change_ranges == [(i, i + 1) for i in range(LENGTH)]
    x = one_hot()
    for form in (tf.constant(x), [x], x.tolist()):
        np.testing.assert_array_equal(ism(form), ism(x))


@pytest.mark.parametrize(
    "replace_with",
    [0, 0.25, [0, 0, 0, 1], np.array([0.5, 0, 0, 0.5]), np.eye(4)[[2, 0, 3]]],
    ids=["zero", "scalar", "letter", "mixed letter", "block"],
)
def test_replacements(replace_with: Any) -> None:
    model = through()
    ranges = [(0, 3), (4, 7), (6, 9), (LENGTH - 3, LENGTH)]
    ism, naive = FastISM(model, change_ranges=ranges), NaiveISM(model, change_ranges=ranges)
    got = ism(one_hot(), replace_with=replace_with)
    assert got.shape == (3, 4, 2)
    same(got, naive(one_hot(), replace_with=replace_with))
    same(ism(one_hot(), replace_with), got)
    x, block = one_hot(), np.broadcast_to(np.float32(replace_with), (3, 4))
    for i, (start, end) in enumerate(ranges):
        mutated = x.copy()
        mutated[:, start:end] = block
        same(got[:, i], model(mutated).numpy())


def test_ranges_are_of_one_width() -> None:
    model = through()
    for make in (FastISM, NaiveISM):
        with pytest.raises(ValueError, match="widths 1, 3, expected one width"):
            make(model, change_ranges=[(0, 1), (4, 7), (8, 9)])
        with pytest.raises(ValueError, match=r"expected a list of \(start, end\)"):
            make(model, change_ranges=[1, 2])
        with pytest.raises(ValueError, match="outside of"):
            make(model, change_ranges=[(LENGTH - 1, LENGTH + 1)])
    ism = FastISM(model, change_ranges=np.array([[0, 2], [2, 4]]), test_correctness=False)  # type: ignore[arg-type]
    assert ism.change_ranges == [(0, 2), (2, 4)]


def test_a_replacement_that_is_there_gives_the_models_own_output() -> None:
    model, x = through(layers.BatchNormalization()), one_hot(5)
    letter = [0, 1, 0, 0]
    there = x[:, :, 1] == 1
    own = np.asarray(model(x))
    for make in (FastISM, NaiveISM):
        y = make(model)(x, replace_with=letter)
        for b, i in np.argwhere(there):
            np.testing.assert_array_equal(y[b, i], own[b])
    wide = FastISM(model, change_ranges=[(2, 6), (10, 14)], test_correctness=False)
    y = wide(x, replace_with=x[3, 2:6])
    np.testing.assert_array_equal(y[3, 0], own[3])
    assert not np.array_equal(y[3, 1], own[3])


def test_the_models_own_output_is_found_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ismc.fastism.scan.REFERENCES", 2)
    model, x = through(), one_hot(5)
    y = FastISM(model, test_correctness=False)(x, replace_with=x[4, 7])
    own = np.concatenate([np.asarray(model(x[i : i + 2])) for i in (0, 2, 4)])
    for b, i in np.argwhere((x == x[4, 7]).all(-1)):
        np.testing.assert_array_equal(y[b, i], own[b])
    same(y, NaiveISM(model)(x, replace_with=x[4, 7]))
    assert FastISM(model, test_correctness=False)(x[:0]).shape == (0, LENGTH, 2)


@pytest.mark.parametrize("form", [list, dict])
def test_several_outputs_are_a_list(form: type) -> None:
    x = keras.Input((LENGTH, 4))
    y = layers.Conv1D(5, 3, padding="same", activation="relu")(x)
    zeta, alpha = layers.Conv1D(2, 3)(y), layers.Dense(3)(layers.GlobalAveragePooling1D()(y))
    nest = {"zeta": zeta, "alpha": alpha} if form is dict else [zeta, alpha]
    model = keras.Model(x, nest)
    ism = FastISM(model)
    got, want = ism(one_hot()), NaiveISM(model)(one_hot())
    assert isinstance(got, list)
    assert isinstance(want, list)
    shapes = [tuple(t.shape[1:]) for t in model.outputs]
    assert [y.shape for y in got] == [(3, LENGTH, *shape) for shape in shapes]
    for a, b in zip(got, want, strict=True):
        same(a, b)
    assert ism.test_correctness(batch_size=2)
    letter = one_hot()[0, 0]
    for a, own in zip(ism(one_hot(), letter), keras.tree.flatten(model(one_hot())), strict=True):
        np.testing.assert_array_equal(a[0, 0], own[0])


def test_several_inputs() -> None:
    count, x = keras.Input((3,)), keras.Input((LENGTH, 4))
    y = layers.Flatten()(layers.Conv1D(5, 3, activation="relu")(x))
    y = layers.Dense(4, activation="relu")(layers.Concatenate()([y, layers.Dense(2)(count)]))
    model = keras.Model([count, x], y)
    ism, naive = FastISM(model, seq_input_idx=1), NaiveISM(model, seq_input_idx=1)
    other = np.random.default_rng(0).normal(size=(3, 3)).astype("float32")
    same(ism([other, one_hot()]), naive([other, one_hot()]))
    same(ism([other, one_hot()], [1, 0, 0, 0]), naive([other, one_hot()], [1, 0, 0, 0]))
    assert ism.seq_input_idx == 1
    assert ism.test_correctness(batch_size=2)
    with pytest.raises(ValueError, match="expected 2"):
        ism(one_hot())


@pytest.mark.parametrize("names", ["first", ["second"], ["first", "second"], [], None])
def test_early_stop_layers(names: Any) -> None:
    ism = agrees(through(layers.MaxPooling1D(2)), early_stop_layers=names)
    assert ("after first" in ism.compiled.explain()) == ("first" in (names or ()))


# --- correctness --------------------------------------------------------------------------------


def test_correctness_passes() -> None:
    ism = FastISM(through(layers.AveragePooling1D(3)), test_correctness=False)
    assert ism.test_correctness() is True
    assert ism.test_correctness(batch_size=1, replace_with=[1, 0, 0, 0], atol=1e-5) is True


def test_a_name_that_is_not_true_fails() -> None:
    fast_ism_utils.SEE_THROUGH_LAYERS.add("Neighbour")
    model = through(Neighbour(name="near"))
    with pytest.raises(ismc.VerificationError, match="the first layer that differs is 'near'"):
        FastISM(model)
    ism = FastISM(model, test_correctness=False)
    with pytest.raises(ismc.VerificationError, match=r"output 0 at the range \(\d+, \d+\)"):
        ism.test_correctness(batch_size=2)
    assert ism.test_correctness(batch_size=2, atol=100.0)


# --- the four sets ------------------------------------------------------------------------------


def test_the_sets_hold_layers_that_ismc_knows() -> None:
    found = [getattr(fast_ism_utils, name) for name in SETS]
    assert set().union(*found) <= set(examples())
    assert sum(map(len, found)) == len(set().union(*found))


@pytest.mark.parametrize("layer", [Twice, Gain])
def test_see_through(layer: type) -> None:
    assert "no rule for" in line(agrees(through(layer())), layer.__name__)
    fast_ism_utils.SEE_THROUGH_LAYERS.add(layer.__name__)
    assert "see-through" in line(agrees(through(layer())), layer.__name__)
    assert "no rule for" in ismc.compile(through(layer()), verify=False).explain()


@pytest.mark.parametrize("layer", [Smallest, Blend])
def test_aggregate(layer: type) -> None:
    assert "no rule for" in line(agrees(merging(layer())), layer.__name__)
    fast_ism_utils.AGGREGATE_LAYERS.add(layer.__name__)
    assert "aggregate" in line(agrees(merging(layer())), layer.__name__)


def test_aggregate_with_a_value_that_does_not_change() -> None:
    fast_ism_utils.AGGREGATE_LAYERS.add("Blend")
    x, track = keras.Input((LENGTH, 4)), keras.Input((LENGTH, 5))
    y = layers.Conv1D(5, 3, padding="same")(x)
    y = Blend()([Blend()([y, track]), Blend()([y, y])])
    model = keras.Model([x, track], layers.GlobalMaxPooling1D()(y))
    ism = FastISM(model)
    assert ism.compiled.explain().count("aggregate") == 3
    assert ism.test_correctness(batch_size=2)


def test_aggregate_and_see_through_of_another_shape_stop() -> None:
    fast_ism_utils.AGGREGATE_LAYERS.add("Ends")
    assert "differ in length" in line(agrees(merging(Ends())), "Ends")
    fast_ism_utils.SEE_THROUGH_LAYERS |= {"Blend", "Twice"}
    assert "several values" in line(agrees(merging(Blend())), "Blend")
    x = keras.Input((LENGTH, 4))
    flat = layers.Flatten()(layers.Conv1D(3, 3)(x))
    assert "not those of its input" in line(agrees(keras.Model(x, Twice()(flat))), "Twice")


def test_stop_wins() -> None:
    fast_ism_utils.SEE_THROUGH_LAYERS.add("Twice")
    fast_ism_utils.STOP_LAYERS |= {"Twice", "MaxPooling1D"}
    ism = agrees(through(layers.MaxPooling1D(2), Twice()))
    assert "in STOP_LAYERS" in line(ism, "MaxPooling1D")
    assert "after" in line(ism, "Twice")
    assert "in STOP_LAYERS" in line(agrees(through(Twice())), "Twice")


def test_stop_of_a_layer_with_an_activation_inside() -> None:
    fast_ism_utils.STOP_LAYERS.add("Conv1D")
    x = keras.Input((LENGTH, 4))
    y = layers.Conv1D(5, 3, activation="softplus")(x)
    ism = agrees(keras.Model(x, layers.Dense(2)(layers.Flatten()(y))))
    assert "in STOP_LAYERS" in line(ism, "Conv1D")


@pytest.mark.parametrize(
    "layer",
    [
        lambda: LargestOfTwo(),
        lambda: WeightedPool(2),
        lambda: WeightedPool((3,), (3,)),
        lambda: WeightedPool(4, 2),
        lambda: WeightedPool(5, 3),
        lambda: WeightedPool(4, 4, "same"),
    ],
    ids=["largest", "2", "(3,)", "overlapping", "cut", "same"],
)
def test_pooling(layer: Any) -> None:
    made = layer()
    fast_ism_utils.POOLING_LAYERS.add(type(made).__name__)
    assert "pooling" in line(agrees(through(made)), type(made).__name__)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: WeightedPool(3, 2, "same"), "its padding is 'same'"),
        (lambda: WeightedPool(5, 5, "same"), "its padding is 'same'"),
        (lambda: WeightedPool(2, data_format="channels_first"), "channels come first"),
        (lambda: Twice(), "are not integers"),
    ],
)
def test_pooling_that_is_not_understood_stops(layer: Any, reason: str) -> None:
    made = layer()
    fast_ism_utils.POOLING_LAYERS |= {"WeightedPool", "Twice"}
    assert reason in line(agrees(through(made)), type(made).__name__)


@pytest.mark.parametrize(
    ("group", "name", "model"),
    [
        ("SEE_THROUGH_LAYERS", "BatchNormalization", lambda: through(layers.BatchNormalization())),
        ("AGGREGATE_LAYERS", "Add", lambda: merging(layers.Add())),
        ("POOLING_LAYERS", "MaxPooling1D", lambda: through(layers.MaxPooling1D(3, 2, "same"))),
    ],
)
def test_a_name_that_is_removed_stops(group: str, name: str, model: Any) -> None:
    before = agrees(model())
    assert "removed" not in before.compiled.explain()
    getattr(fast_ism_utils, group).remove(name)
    assert f"removed from {group}" in line(agrees(model()), name)


def test_ismc_knows_its_layers_better() -> None:
    fast_ism_utils.STOP_LAYERS.remove("Flatten")
    fast_ism_utils.SEE_THROUGH_LAYERS |= {"Conv1D", "Dense", "Flatten"}
    ism = agrees(through())
    assert "local" in line(ism, "Conv1D")
    assert "every unit reads every position" in line(ism, "Dense")
