"""Random functional models with their inputs, sites and replacements, each from one seed.

``python -m tests.generators.models 0 300`` counts the kinds of layers and functions in the models
of 300 seeds from 0.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.generators.draw import Draw
from tests.generators.heads import random_outputs
from tests.generators.structure import random_trunk
from tests.zoo.inputs import one_hot
from tests.zoo.weights import randomise

DTYPES = ("bool", "int8", "uint8", "int32", "float16")
Inputs = np.ndarray | list[np.ndarray] | dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """A random model and one way of scanning it.

    Attributes:
        seed: draws the whole case.
        model: the model, with random weights.
        inputs: its inputs, nested as the model takes them, one to three sequences.
        sites: as `ismc.compile` takes them.
        replacement: a scalar, ``[C]`` or ``[width, C]``.
        sequence_input: index or name of the mutated input.
        outputs: ``None`` or the index of a single output.
        saturate: whether the case writes every letter, or the replacement.
    """

    seed: int
    model: keras.Model
    inputs: Inputs
    sites: list[int] | list[tuple[int, int]] | None
    replacement: Any
    sequence_input: int | str
    outputs: int | None
    saturate: bool

    @property
    def options(self) -> Mapping[str, Any]:
        """The arguments that `ismc.compile` and `ismc.NaiveISM` share."""
        return {
            "sites": self.sites,
            "sequence_input": self.sequence_input,
            "outputs": self.outputs,
        }

    def scan(self, ism: Callable[..., Any]) -> Any:
        """Calls a compiled or a naive program as the case says."""
        if self.saturate:
            return ism.saturate(self.inputs)
        return ism(self.inputs, replace_with=self.replacement)

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, sites {self.sites}, sequence input {self.sequence_input!r}"]
        lines.append("saturation" if self.saturate else f"replace with {self.replacement!r}")
        lines += [f"input {t.name} {tuple(t.shape)}" for t in self.model.inputs]
        return "\n".join([*lines, *_described(self.model, "  ")])


def random_case(seed: int) -> Case:
    """The case of a seed; even seeds saturate, odd seeds replace.

    Sequences have 12 to 60 positions and 1 to 6 channels, mostly 4; models 3 to about 12 layers.
    """
    draw = Draw(np.random.default_rng(seed))
    channels = 4 if draw.chance(0.8) else draw.integer(1, 6)
    length = draw.integer(12, 36) if draw.chance(0.7) else draw.integer(37, 60)
    dtype = draw.pick((*DTYPES, None), (*[0.02] * len(DTYPES), 0.9))
    sequence = keras.Input((length, channels), name="sequence", dtype=dtype)
    if draw.chance(0.15):
        draw.contexts.append(keras.Input((length, channels), name="context_same"))
    x, taps = random_trunk(draw, ops.cast(sequence, "float32") if dtype else sequence)
    outputs = random_outputs(draw, x, taps, sequence)
    model, sequence_input = _model(draw, sequence, outputs)
    randomise(model, seed, gain=1.2)
    sites = _sites(draw, length)
    several = isinstance(outputs, list) and len(outputs) > 1
    return Case(
        seed,
        model,
        _inputs(draw, model, sequence),
        sites,
        _replacement(draw, sites, channels, dtype),
        sequence_input,
        draw.integer(0, len(outputs) - 1) if several and draw.chance(0.2) else None,
        saturate=seed % 2 == 0,
    )


def _model(draw: Draw, sequence: Any, outputs: Any) -> tuple[keras.Model, int | str]:
    """The model, its inputs in any order, as a list or a dict; and how the sequence is named."""
    inputs = [sequence, *draw.contexts]
    if len(inputs) == 1:
        return keras.Model(sequence, outputs), 0
    place = draw.integer(0, len(inputs) - 1)
    inputs[0], inputs[place] = inputs[place], inputs[0]
    if draw.chance(0.3):
        return keras.Model({t.name: t for t in inputs}, outputs), sequence.name
    return keras.Model(inputs, outputs), draw.pick((place, sequence.name))


def _inputs(draw: Draw, model: keras.Model, sequence: Any) -> Inputs:
    batch = draw.pick((1, 1, 2, 3))
    arrays: dict[str, np.ndarray] = {}
    for tensor in model.inputs:
        shape = (batch, *tensor.shape[1:])
        if tensor.dtype != "float32":
            arrays[tensor.name] = _with_gaps(draw, one_hot(draw.rng, *shape, 0.1))
        elif tensor is sequence or tensor.name.startswith("context"):
            arrays[tensor.name] = _with_gaps(draw, _sequences(draw, *shape))
        else:
            arrays[tensor.name] = draw.rng.standard_normal(shape, dtype=np.float32)
    if isinstance(model.input, dict):
        return arrays
    flat = list(arrays.values())
    return flat if len(flat) > 1 else flat[0]


def _sequences(draw: Draw, batch: int, length: int, channels: int) -> np.ndarray:
    """One-hot with some N mostly; else several letters at a position, or real numbers."""
    kind = draw.pick(("one-hot", "N", "many", "real"), (5, 2, 1, 2))
    if kind == "real":
        return draw.rng.standard_normal((batch, length, channels), dtype=np.float32)
    if kind == "many":
        return draw.rng.integers(0, 2, (batch, length, channels)).astype(np.float32)
    return one_hot(draw.rng, batch, length, channels, 0.3 if kind == "N" else 0.03)


def _with_gaps(draw: Draw, x: np.ndarray) -> np.ndarray:
    """Mostly with runs of zeros: at the start, at the end, and between."""
    length = x.shape[1]
    if draw.chance(0.4):
        return x
    x[draw.integer(0, len(x) - 1), : draw.integer(0, length // 5)] = 0
    x[draw.integer(0, len(x) - 1), length - draw.integer(0, length // 5) :] = 0
    for _ in range(draw.integer(0, 2)):
        start = draw.integer(0, length - 1)
        x[draw.integer(0, len(x) - 1), start : start + draw.integer(1, length // 6)] = 0
    return x


def _sites(draw: Draw, length: int) -> list[int] | list[tuple[int, int]] | None:
    """All; a few positions in any order, some twice; or ranges that may overlap."""
    kind = draw.pick(("all", "positions", "one width", "any width"), (4, 2, 2, 2))
    if kind == "all":
        return None
    count = draw.integer(1, 8)
    if kind == "positions":
        edges = [0, length - 1] if draw.chance(0.5) else []
        return [*draw.rng.integers(0, length, count).tolist(), *edges]
    width = draw.integer(1, 6)
    ranges = []
    for _ in range(count):
        size = width if kind == "one width" else draw.integer(1, 6)
        start = draw.pick((0, length - size, draw.integer(0, length - size)), (1, 1, 4))
        ranges.append((start, start + size))
    return ranges


def _replacement(draw: Draw, sites: Any, channels: int, dtype: str | None) -> Any:
    """Zero mostly; else another number, a letter, or a block as wide as the widest site."""
    kind = draw.pick(("zero", "number", "letter", "block"), (3, 0 if dtype else 1, 2, 2))
    if kind == "zero":
        return 0
    if kind == "number":
        return 0.25
    if kind == "letter":
        return np.eye(channels)[draw.integer(0, channels - 1)].tolist()
    width = max((b - a for a, b in sites), default=1) if sites and np.ndim(sites) == 2 else 1
    return np.eye(channels, dtype=np.float32)[draw.rng.integers(channels, size=width)]


def _operations(model: keras.Model) -> list[Any]:
    """The layers and functions of a model, in an order that they may run in."""
    found = getattr(model, "operations", model.layers)
    return [operation for operation in found if not isinstance(operation, layers.InputLayer)]


def _described(model: keras.Model, indent: str) -> list[str]:
    """One line for each layer and function; nested models are indented."""
    lines = []
    for operation in _operations(model):
        try:
            shape = str(keras.tree.map_structure(lambda t: tuple(t.shape), operation.output))
        except (AttributeError, ValueError):
            shape = "called several times"
        lines.append(f"{indent}{operation.name}: {type(operation).__name__} {shape}")
        if isinstance(operation, keras.Model):
            lines += _described(operation, indent + "  ")
    return lines


def kinds(model: keras.Model) -> Iterator[str]:
    """The kind of every layer of a model, and of every function of keras.ops."""
    for operation in _operations(model):
        name = type(operation).__name__
        yield name if isinstance(operation, keras.Layer) else f"ops.{name}"
        if isinstance(operation, keras.Model):
            yield from kinds(operation)
        elif isinstance(operation, layers.Wrapper):
            yield f"{name}({type(operation.layer).__name__})"


def counted(seeds: range) -> str:
    """How many models of ``seeds`` hold each kind, and how many calls they have on average."""
    models, calls = Counter(), 0
    for seed in seeds:
        found = list(kinds(random_case(seed).model))
        calls += len(found)
        models.update(set(found))
        if seed % 10 == 0:
            keras.backend.clear_session()
    rows = [f"{count:5d} {kind}" for kind, count in models.most_common()]
    total = f"{len(models)} kinds in {len(seeds)} models, {calls / max(1, len(seeds)):.1f} a model"
    return "\n".join([*rows, total])


if __name__ == "__main__":
    first, number = (int(argument) for argument in sys.argv[1:])
    print(counted(range(first, first + number)))
