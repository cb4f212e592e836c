"""`mutagenesis` gives what toolkits compute mutant by mutant."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from ismc import api
from ismc.errors import InputError
from ismc.toolkits import mutagenesis
from tests.zoo import one_hot, randomise

pytestmark = pytest.mark.as_written

LENGTH, CLASSES = 16, 5
Array = np.ndarray


def build(seed: int = 0) -> keras.Model:
    x = keras.Input((LENGTH, 4))
    y = layers.Conv1D(6, 3, activation="relu")(x)
    y = layers.Dense(CLASSES, activation="softplus")(layers.GlobalAveragePooling1D()(y))
    return randomise(keras.Model(x, y), seed)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return build()


def sequences() -> Array:
    x = one_hot(np.random.default_rng(0), 3, LENGTH).astype(np.float32)
    x[1, 5] = 0
    return x


def one_by_one(x: Array, model: keras.Model, classes: Any) -> Array:
    """Each letter at each position of each sequence, predicted; the score is a class or a norm."""

    def score(sequences: Array) -> Array:
        y = model.predict(sequences, verbose=0).astype(float)
        return np.sqrt((y**2).sum(1)) if classes is None else y[:, classes]

    mutants = np.broadcast_to(x[:, None, None], (len(x), LENGTH, 4, LENGTH, 4)).copy()
    for i in range(LENGTH):
        mutants[:, i, :, i] = np.eye(4)
    return score(mutants.reshape(-1, LENGTH, 4)).reshape(x.shape) - score(x)[:, None, None]


@pytest.mark.parametrize("classes", [None, -1])
def test_scores_are_those_of_every_mutant(model: keras.Model, classes: Any) -> None:
    x = sequences()
    found = mutagenesis(x, model, classes, batch_size=64)
    assert found.shape == (3, LENGTH, 4)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, one_by_one(x, model, classes), rtol=2e-5, atol=2e-6)
    assert (found[x == 1] == 0).all()
    assert (found[x == 0] != 0).all()


def test_several_classes_are_averaged(model: keras.Model) -> None:
    x = sequences()
    want = np.mean([mutagenesis(x, model, i) for i in (0, 3)], 0)
    np.testing.assert_allclose(mutagenesis(x, model, [0, 3]), want, rtol=1e-6, atol=1e-7)


def test_text_and_single_sequences(model: keras.Model) -> None:
    x = sequences()
    texts = ["".join("NACGT"[int(row.argmax()) + 1 if row.any() else 0] for row in s) for s in x]
    want = mutagenesis(x, model, 1)
    np.testing.assert_array_equal(mutagenesis([t.lower() for t in texts], model, 1), want)
    np.testing.assert_array_equal(mutagenesis(texts[1], model, 1), want[1:2])
    np.testing.assert_array_equal(mutagenesis(x[1].astype(np.uint8), model, 1), want[1:2])
    assert mutagenesis(x[:0], model, 1).shape == (0, LENGTH, 4)


def test_programs_are_compiled_once_and_weights_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, net, x = [], build(), sequences()
    own = api.compile
    monkeypatch.setattr(
        api, "compile", lambda *args, **settings: (made.append(1), own(*args, **settings))[1]
    )
    before = mutagenesis(x, net, 0)
    mutagenesis(x, net, 1)
    mutagenesis(x, net, [0, 1])
    assert len(made) == 1
    randomise(net, 5)
    after = mutagenesis(x, net, 0)
    assert len(made) == 1
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_allclose(after, one_by_one(x, net, 0), rtol=2e-5, atol=2e-6)
    mutagenesis(x, net)
    assert len(made) == 2
    net.save(tmp_path / "net.keras")
    keras.models.load_model(tmp_path / "net.keras")


def test_programs_go_with_their_model() -> None:
    net = build()
    mutagenesis(sequences(), net, 0)
    gone = weakref.ref(net)
    del net
    keras.utils.clear_session()
    gc.collect()
    assert gone() is None


def test_a_model_of_open_length() -> None:
    x = keras.Input((None, 4))
    y = layers.GlobalMaxPooling1D()(layers.Conv1D(CLASSES, 3)(x))
    net = randomise(keras.Model(x, y), 0)
    dna = sequences()[:1]
    np.testing.assert_allclose(
        mutagenesis(dna, net, 0), one_by_one(dna, net, 0), rtol=2e-5, atol=2e-6
    )


def two_heads() -> keras.Model:
    x = keras.Input((LENGTH, 4))
    y = layers.Flatten()(x)
    return keras.Model(x, [layers.Dense(1)(y), layers.Dense(1)(y)])


def profile() -> keras.Model:
    x = keras.Input((LENGTH, 4))
    return keras.Model(x, layers.Conv1D(2, 3)(x))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"class_index": CLASSES}, "class_index is 5, expected one or more of -5 to 4"),
        ({"class_index": []}, "class_index is"),
        ({"class_index": "a"}, "class_index is 'a'"),
        ({"class_index": 0.5}, "class_index is 0.5"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"X": "ACGTX" + "A" * 11}, "Sequence 0 has 'X', expected A, C, G, T or N"),
        ({"X": ["A" * 16, "A" * 15]}, "Sequence 1 has 15 letters, expected 16"),
        ({"X": "ACGT"}, "expected .B, 16, 4."),
        ({"model": two_heads}, r"outputs \[\[1\], \[1\]\] per sequence, expected one"),
        ({"model": profile}, r"outputs \[\[14, 2\]\] per sequence, expected one"),
    ],
)
def test_what_does_not_fit(model: keras.Model, given: dict[str, Any], said: str) -> None:
    net = given.pop("model", lambda: model)()
    with pytest.raises(InputError, match=said):
        mutagenesis(given.pop("X", sequences()), net, **given)
