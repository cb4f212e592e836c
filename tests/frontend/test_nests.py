"""Layers and models that return dicts, tuples, lists, and any nest of them."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tf_keras

import ismc

Answer = namedtuple("Answer", "profile counts")
X = np.eye(4, dtype=np.float32)[np.random.default_rng(0).integers(0, 4, (2, 30))]
LIBRARIES = [pytest.param(keras, marks=pytest.mark.as_written), tf_keras]
SITES = ((0, 2), (13, 0), (29, 3))  # and the letter that is written

NESTS: dict[str, Callable[..., Any]] = {
    "dict": lambda *p: {"mouse": p[0], "human": p[1]},
    "dict of one": lambda *p: {"only": p[0]},
    "list of one": lambda *p: [p[0]],
    "dict of dicts": lambda *p: {"human": {"x": p[0], "y": p[1]}, "mouse": {"x": p[2]}},
    "mixed": lambda *p: {"b": [p[0], (p[1],)], "a": p[2]},
    "named tuple": lambda *p: Answer(p[0], p[1]),
    "ordered": lambda *p: OrderedDict([("z", p[0]), ("b", p[1])]),
    "tuple of dict": lambda *p: (p[0], {"k": p[1], "j": p[2]}),
    "numbers": lambda *p: {2: p[0], 10: p[1], 1: p[2]},
}


def heads(library: Any, nest: Callable[..., Any]) -> Any:
    """A layer of a user's own, with three answers in a nest."""

    class Heads(library.layers.Layer):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.parts = [library.layers.Dense(n, activation="softplus") for n in (5, 3, 2)]

        def build(self, shape: Any) -> None:
            for part in self.parts:
                part.build(shape)
            self.built = True

        def call(self, x: Any) -> Any:
            return nest(*(part(x) for part in self.parts))

    return Heads(name="heads")


def trunk(library: Any) -> tuple[Any, Any]:
    x = library.Input(X.shape[1:])
    y = library.layers.Conv1D(8, 7, activation="relu")(x)
    return x, library.layers.GlobalAveragePooling1D()(y)


def returned(library: Any, nest: Any) -> Any:
    x, y = trunk(library)
    return library.Model(x, heads(library, nest)(y))


def inside(library: Any, nest: Any) -> Any:
    """Of a model that is called in a model."""
    x, y = trunk(library)
    z = library.Input((8,))
    return library.Model(x, library.Model(z, heads(library, nest)(z), name="inner")(y))


def subclassed(library: Any, nest: Any) -> Any:
    """Of a subclassed model that is called in a model."""

    class Pair(library.Model):
        def __init__(self) -> None:
            super().__init__(name="pair")
            self.heads = heads(library, nest)

        def call(self, x: Any) -> Any:
            return self.heads(x)

    x, y = trunk(library)
    return library.Model(x, Pair()(y))


def taken(library: Any, nest: Any) -> Any:
    """By other layers, some of them in a model."""
    x, y = trunk(library)
    values = keras.tree.flatten(heads(library, nest)(y))
    layers = library.layers
    used = [layers.Dense(i + 2, activation="tanh")(value) for i, value in enumerate(values)]
    return library.Model(x, layers.Concatenate()([*used, y]))


@pytest.mark.parametrize("model", [returned, inside, subclassed, taken])
@pytest.mark.parametrize("nest", NESTS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_answers_are_those_of_a_plain_call(library: Any, nest: str, model: Any) -> None:
    built = model(library, NESTS[nest])
    found = ismc.compile(built, verify=library is keras).saturate(X)
    for site, letter in SITES:
        mutants = X.copy()
        mutants[:, site] = np.eye(4)[letter]
        true = built(mutants)
        keras.tree.assert_same_structure(found, true)
        pairs = zip(keras.tree.flatten(found), keras.tree.flatten(true), strict=True)
        for ours, plain in pairs:
            np.testing.assert_allclose(ours[:, site, letter], plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("nest", ["dict of dicts", "named tuple", "mixed"])
def test_every_output_is_chosen_by_its_name(library: Any, nest: str) -> None:
    model = returned(library, NESTS[nest])
    every = ismc.compile(model, verify=False)
    names = every.output_names
    assert len(set(names)) == len(keras.tree.flatten(every.program.structure))
    for name, value in zip(names, every.program.flat(every.saturate(X)), strict=True):
        one = ismc.compile(model, outputs=name, verify=False)
        assert one.output_names == [name]
        np.testing.assert_allclose(one.saturate(X), value, rtol=1e-5, atol=1e-6)


def test_a_key_of_dicts_in_a_dict_is_a_path() -> None:
    model = returned(keras, NESTS["dict of dicts"])
    assert ismc.compile(model, verify=False).output_names == ["human.x", "human.y", "mouse.x"]


def test_an_artifact_answers_in_the_same_nest(tmp_path: Any) -> None:
    model = returned(keras, NESTS["mixed"])
    ism = ismc.compile(model, verify=False)
    ism.save(tmp_path / "model.ismc")
    found, true = ismc.load(tmp_path / "model.ismc").saturate(X), ism.saturate(X)
    keras.tree.assert_same_structure(found, true)
    for ours, theirs in zip(keras.tree.flatten(found), keras.tree.flatten(true), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
