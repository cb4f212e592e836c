"""What a user does wrong is said in an error of ismc; what is merely odd is answered."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import ismc
from tests.support.comparing import assert_same_outputs
from tests.support.models import head_and_track
from tests.zoo import one_hot, randomise

pytestmark = pytest.mark.as_written

LENGTH = 20


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return head_and_track(LENGTH, 5, 5)


@pytest.fixture(scope="module")
def ism(model: keras.Model) -> ismc.CompiledISM:
    return ismc.compile(model, verify=False)


@pytest.fixture(scope="module")
def joined() -> ismc.CompiledISM:
    sequence = keras.Input((LENGTH, 4), name="sequence")
    features = keras.Input((3,), name="features")
    x = layers.Concatenate()([layers.Flatten()(sequence), features])
    model = keras.Model([sequence, features], layers.Dense(2)(x))
    return ismc.compile(randomise(model, 0), verify=False)


def _sequences(batch: int = 2) -> np.ndarray:
    return one_hot(np.random.default_rng(0), batch, LENGTH)


def _fails(call: Any, *words: str, kind: type[ismc.IsmcError] = ismc.InputError) -> None:
    """The call raises ``kind`` with a hint, and every word is in the text."""
    with pytest.raises(kind) as caught:
        call()
    text = str(caught.value)
    missing = [word for word in words if word not in text]
    assert not missing, f"{missing} not in: {text}"


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((LENGTH, 4), ("rank 2", "[B, 20, 4]", "Hint:")),
        ((1, 1, LENGTH, 4), ("rank 4", "[B, 20, 4]", "Hint:")),
        ((2, LENGTH + 1, 4), ("[2, 21, 4]", "[B, 20, 4]", "Hint:")),
        ((2, LENGTH, 5), ("[2, 20, 5]", "[B, 20, 4]", "Hint:")),
    ],
)
@pytest.mark.parametrize("call", ["__call__", "saturate", "predict", "reference"])
def test_wrong_shape(
    ism: ismc.CompiledISM, shape: tuple[int, ...], words: tuple[str, ...], call: str
) -> None:
    _fails(lambda: getattr(ism, call)(np.zeros(shape, np.float32)), *words)


def test_the_oracle_checks_its_input_too(model: keras.Model) -> None:
    naive = ismc.NaiveISM(model)
    _fails(lambda: naive(np.zeros((2, LENGTH, 5))), "[2, 20, 5]", "[B, 20, 4]")


def test_wrong_number_of_inputs(ism: ismc.CompiledISM, joined: ismc.CompiledISM) -> None:
    x = _sequences()
    _fails(lambda: joined(x), "one input", "2", "features", "Hint:")
    _fails(lambda: joined([x, np.zeros((2, 3)), x]), "3 inputs", "expected 2", "Hint:")
    _fails(lambda: joined({"sequence": x}), "features", "Hint:")
    _fails(lambda: ism([x, x]), "[B, 20, 4]")


def test_all_problems_at_once(joined: ismc.CompiledISM) -> None:
    wrong = [_sequences()[:, 1:], np.zeros((2, 4))]
    _fails(lambda: joined(wrong), "'sequence'", "[2, 19, 4]", "'features'", "[2, 4]")


def test_inputs_of_different_batches(joined: ismc.CompiledISM) -> None:
    _fails(lambda: joined([_sequences(2), np.zeros((3, 3))]), "2", "3", "number of sequences")


@pytest.mark.parametrize("value", ["ACGT", np.full((1, LENGTH, 4), "A"), [object()]])
def test_no_numbers(ism: ismc.CompiledISM, value: Any) -> None:
    _fails(lambda: ism(value), "sequence", "Hint:")


def test_ragged_input(ism: ismc.CompiledISM) -> None:
    _fails(lambda: ism([[[0.0] * 4] * LENGTH, [[0.0] * 4] * 3]), "Hint:")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_finite_number_stays_in_its_sequence(
    model: keras.Model, ism: ismc.CompiledISM, value: float
) -> None:
    x = _sequences(3)
    x[1, 7, 2] = value
    naive = ismc.NaiveISM(model)
    for scan in (lambda p: p(x), lambda p: p.saturate(x)):
        found = scan(ism)
        assert_same_outputs(found, scan(naive))
        head = np.asarray(found["head"])
        assert np.isfinite(head[[0, 2]]).all()
        assert not np.isfinite(head[1]).all()
        assert np.isfinite(head[1, 7]).all(), "a mutation of the site itself takes it away"


@pytest.mark.parametrize("shape", [(3,), (5,), (2, 4), (1, 5), (1, 1, 4)])
def test_wrong_replacement(ism: ismc.CompiledISM, shape: tuple[int, ...]) -> None:
    wrong = np.zeros(shape)
    _fails(lambda: ism(_sequences(), replace_with=wrong), "replace_with", str([*shape]), "Hint:")
    _fails(lambda: ism.predict(_sequences(), wrong, verbose=0), "replace_with", "Hint:")


def test_a_replacement_without_numbers(ism: ismc.CompiledISM) -> None:
    _fails(lambda: ism(_sequences(), replace_with="A"), "replace_with", "'A'", "Hint:")


@pytest.mark.parametrize(
    ("sites", "words"),
    [
        ([], ("empty",)),
        ([(5, 5)], ("(5, 5)",)),
        ([(7, 3)], ("(7, 3)",)),
        ([(0, LENGTH + 1)], ("(0, 21)", "20")),
        ([(-1, 2)], ("(-1, 2)",)),
        ([LENGTH], ("20",)),
        ([-1], ("-1",)),
        ([1.5], ("1.5",)),
        ([(1, 2, 3)], ("(1, 2, 3)",)),
        (["a"], ("'a'",)),
        ([(7, 3), 2, (0, 99)], ("(7, 3)", "(0, 99)")),
    ],
)
def test_wrong_sites(model: keras.Model, sites: Any, words: tuple[str, ...]) -> None:
    _fails(lambda: ismc.compile(model, sites=sites), *words, "ite", "Hint:")
    _fails(lambda: ismc.NaiveISM(model, sites=sites), *words)


def test_names_that_the_model_does_not_have(model: keras.Model) -> None:
    _fails(lambda: ismc.compile(model, stop_at="convolution"), "'convolution'", "stop_at", "Hint:")
    _fails(lambda: ismc.compile(model, stop_at=["track", "x"]), "'x'", "stop_at")
    _fails(lambda: ismc.compile(model, outputs="haed"), "'haed'", "head", "track", "Hint:")
    _fails(lambda: ismc.compile(model, outputs=["head", "other"]), "'other'", "track")
    _fails(lambda: ismc.compile(model, outputs=2), "2", "track")
    _fails(lambda: ismc.compile(model, outputs=[]), "outputs", "empty")
    _fails(lambda: ismc.compile(model, sequence_input="dna"), "'dna'", "sequence")
    _fails(lambda: ismc.compile(model, sequence_input=1), "sequence_input", "1")


def test_wrong_options(model: keras.Model) -> None:
    _fails(lambda: ismc.compile(model, precision="float8"), "precision", "'float8'")
    _fails(lambda: ismc.compile(model, memory=0), "memory", "0")


@pytest.mark.parametrize("shape", [(10,), (10, 4, 2)])
def test_a_model_without_a_sequence_axis(shape: tuple[int, ...]) -> None:
    start = keras.Input(shape, name="vector")
    model = keras.Model(start, layers.Dense(2)(layers.Flatten()(start)))
    unsupported = ismc.UnsupportedModelError
    _fails(
        lambda: ismc.compile(model), "'vector'", "10", "sequence axis", "Hint:", kind=unsupported
    )
    _fails(lambda: ismc.NaiveISM(model), "'vector'", "sequence axis", kind=unsupported)


def test_the_oracle_needs_a_fixed_length() -> None:
    start = keras.Input((None, 4))
    model = keras.Model(start, layers.GlobalAveragePooling1D()(layers.Conv1D(2, 3)(start)))
    _fails(lambda: ismc.NaiveISM(model), "None", "Hint:", kind=ismc.UnsupportedModelError)


def test_no_model() -> None:
    unsupported = ismc.UnsupportedModelError
    _fails(lambda: ismc.compile(lambda x: x), "function", "keras.Model", kind=unsupported)
    never_built = keras.Sequential([layers.Conv1D(2, 3)])
    _fails(lambda: ismc.compile(never_built), "never built", "Hint:", kind=unsupported)


def test_errors_have_a_common_base_and_input_errors_are_value_errors(ism: Any) -> None:
    with pytest.raises(ismc.IsmcError):
        ism(np.zeros((1, 1, 1)))
    with pytest.raises(ValueError, match="expected"):
        ism(np.zeros((1, 1, 1)))


def test_no_sequences(model: keras.Model, ism: ismc.CompiledISM) -> None:
    nothing = np.zeros((0, LENGTH, 4), np.float32)
    for program in (ism, ismc.NaiveISM(model)):
        zeros, letters = program(nothing), program.saturate(nothing)
        assert tuple(zeros["head"].shape) == (0, LENGTH, 2)
        assert tuple(zeros["track"].shape) == (0, LENGTH, LENGTH, 5)
        assert tuple(letters["head"].shape) == (0, LENGTH, 4, 2)
        assert tuple(letters["track"].shape) == (0, LENGTH, 4, LENGTH, 5)
        assert program.predict(nothing, verbose=0)["head"].shape == (0, LENGTH, 4, 2)


@pytest.mark.parametrize("dtype", ["int8", "int64", "float64", "float16", "bool"])
def test_any_number_is_taken(ism: ismc.CompiledISM, dtype: str) -> None:
    x = _sequences()
    assert_same_outputs(ism.saturate(x.astype(dtype)), ism.saturate(x))


def test_the_input_is_not_written_to(ism: ismc.CompiledISM) -> None:
    x = _sequences()
    before = x.copy()
    ism(x, replace_with=[0, 0, 0, 1])
    ism.saturate(x)
    assert np.array_equal(x, before)


class Unsaid:
    """An initializer that has no configuration."""

    def __call__(self, shape: Any, **_: Any) -> Any:
        return np.linspace(-1, 1, int(np.prod(shape)), dtype="float32").reshape(shape)


@pytest.mark.parametrize(
    "keras_2",
    [
        pytest.param(False, id="keras", marks=pytest.mark.as_written),
        pytest.param(True, id="tf_keras"),
    ],
)
@pytest.mark.parametrize("layer", ["Conv1D", "LSTM", "Dense inside", "Silent inside"])
def test_layers_without_a_configuration_are_computed(layer: str, keras_2: bool) -> None:
    kinds: Any = pytest.importorskip("tf_keras") if keras_2 else keras
    make, said = kinds.layers, Unsaid()

    class Silent(make.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs * 2.0

        def get_config(self) -> Any:
            raise KeyError("nothing")

        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

    made = {
        "Conv1D": lambda: make.Conv1D(3, 3, kernel_initializer=said, kernel_regularizer=None),
        "LSTM": lambda: make.LSTM(3, recurrent_initializer=said, return_sequences=True),
        "Dense inside": lambda: make.TimeDistributed(make.Dense(3, kernel_initializer=said)),
        "Silent inside": lambda: make.TimeDistributed(Silent()),
    }[layer]
    x = kinds.Input((LENGTH, 4))
    y = make.Dense(2)(make.Flatten()(made()(make.Conv1D(4, 3)(x))))
    model = kinds.Model(x, y)
    ism, given = ismc.compile(model), _sequences(1)
    assert_same_outputs(ism.saturate(given), ismc.NaiveISM(model).saturate(given))
    assert ("unconfigured" in str(ism.explain())) == (layer == "Silent inside")
