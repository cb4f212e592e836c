"""Checks the arguments of a call and converts them to arrays of the right shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ismc.errors import InputError
from ismc.ir import pytree as nest
from ismc.ir.window import Span
from ismc.plan.plan import Signature

Array = np.ndarray
Sites = Sequence[int | tuple[int, int]] | None


def named_inputs(x: Any, names: Any, signature: Signature) -> dict[str, Array]:
    """The inputs of a call by name, checked: ``{name: [B, ...]}``, float32.

    Args:
        x: an array, or a list or dict of arrays, nested as the model expects.
        names: the nest of input names.
        signature: the names and shapes of the inputs.

    Raises:
        InputError: for a wrong number of inputs, rank, length, number of channels, batch size or
            dtype; one error lists all problems.
    """
    flat = _paired(x, names)
    shapes, folded, problems = dict(signature.inputs), dict(signature.folded), []
    arrays: dict[str, Array] = {}
    for name, value in flat.items():
        try:
            array = np.asarray(value)
        except (ValueError, TypeError) as error:
            problems.append(f"input {name!r} is not an array ({error})")
            continue
        if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
            problems.append(f"input {name!r} has the dtype {array.dtype}, expected numbers")
            continue
        shape = shapes[name]
        if array.shape[1:] == folded.get(name):
            array = array.reshape(len(array), *shape)
        problem = _shape_problem(name, array, shapes[name])
        if problem:
            problems.append(problem)
        arrays[name] = np.ascontiguousarray(array, np.float32)
    sizes = {name: len(array) for name, array in arrays.items() if array.ndim}
    if not problems and len(set(sizes.values())) > 1:
        counts = ", ".join(f"{name!r} has {size}" for name, size in sizes.items())
        problems.append(f"the inputs differ in their number of sequences: {counts}")
    if problems:
        raise InputError(f"{_sentence(problems)}", hint=_shape_hint(signature))
    return arrays


def replacement(value: Any, signature: Signature) -> Array:
    """The block that replaces every site, ``[width, C]``, from a scalar, ``[C]`` or ``[width, C]``.

    Raises:
        InputError: for any other shape, or a dtype that is not numeric.
    """
    width, (_, channels) = signature.width, signature.shape
    try:
        array = np.asarray(value, np.float32)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"replace_with is {value!r}, expected numbers.",
            hint="Pass 0, one letter [C], or a block [width, C].",
        ) from error
    if array.shape not in ((), (channels,), (width, channels)):
        raise InputError(
            f"replace_with has the shape {list(array.shape)}, expected a scalar, [{channels}] "
            f"or [{width}, {channels}].",
            hint="A letter has one number per channel; a block has one letter per position.",
        )
    return np.ascontiguousarray(np.broadcast_to(array, (width, channels)))


def site_spans(sites: Sites, length: int) -> tuple[Span, ...]:
    """Sites as spans: every position by default, else ``(start, stop)`` ranges or positions.

    Raises:
        InputError: if there are no sites, or if a site is reversed, empty or outside the sequence.
    """
    if sites is None:
        return tuple(Span(i, i + 1) for i in range(length))
    spans, problems = [], []
    for i, site in enumerate(sites):
        try:
            pair = np.asarray(site)
            if pair.dtype.kind not in "iu" or pair.shape not in ((), (2,)):
                raise TypeError
            start, stop = (int(pair), int(pair) + 1) if pair.ndim == 0 else map(int, pair)
        except (TypeError, ValueError):
            problems.append(f"site {i} is {site!r}, expected a position or (start, stop)")
            continue
        if stop <= start:
            problems.append(f"site {i} is ({start}, {stop}), which contains no position")
        elif start < 0 or stop > length:
            problems.append(f"site {i} is ({start}, {stop}), outside of [0, {length})")
        spans.append(Span(start, stop))
    if not spans and not problems:
        problems.append("sites is empty, expected at least one")
    if problems:
        rest = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        raise InputError(
            _sentence(problems[:5]) + rest,
            hint="Sites are half-open ranges (start, stop) with 0 <= start < stop <= length.",
        )
    return tuple(spans)


def random_inputs(signature: Signature, count: int, rng: np.random.Generator) -> dict[str, Array]:
    """Random one-hot sequences, and normal values for the other inputs: ``[count, ...]``."""
    arrays = {}
    for name, shape in signature.inputs:
        if name == signature.sequence:
            letters = rng.integers(0, shape[-1], (count, shape[0]))
            arrays[name] = np.eye(shape[-1], dtype=np.float32)[letters]
        else:
            arrays[name] = rng.normal(size=(count, *shape)).astype(np.float32)
    return arrays


def is_one_hot(x: Array) -> bool:
    """Whether every position of ``[..., C]`` has a single one and zeros elsewhere."""
    return bool(((x == 0) | (x == 1)).all() and (x.sum(-1) == 1).all())


def _paired(x: Any, names: Any) -> dict[str, Any]:
    """The values by input name, whichever nest the user passed."""
    flat = nest.leaves(names)
    if isinstance(x, Mapping):
        keys = dict(names) if isinstance(names, Mapping) else {name: name for name in flat}
        missing, extra = set(keys) - set(x), set(x) - set(keys)
        if missing or extra:
            raise InputError(
                f"The inputs are {sorted(x)}, expected {sorted(keys)}.",
                hint="Name every input as the model does.",
            )
        return {keys[key]: x[key] for key in keys}
    if len(flat) == 1 and not isinstance(names, Mapping):
        single = isinstance(x, list | tuple) and len(x) == 1 and np.ndim(x[0]) >= 2
        return {flat[0]: x[0] if single else x}
    if not isinstance(x, list | tuple) or len(x) != len(flat):
        actual = f"{len(x)} inputs" if isinstance(x, list | tuple) else "one input"
        raise InputError(
            f"The call has {actual}, expected {len(flat)}: {', '.join(flat)}.",
            hint="Pass a list in this order, or a dict by name.",
        )
    return dict(zip(flat, x, strict=True))


def _shape_problem(name: str, array: Array, shape: tuple[int, ...]) -> str:
    expected = ", ".join(["B", *map(str, shape)])
    actual = list(array.shape)
    if array.ndim != len(shape) + 1:
        return f"input {name!r} has the shape {actual} of rank {array.ndim}, expected [{expected}]"
    if array.shape[1:] != shape:
        return f"input {name!r} has the shape {actual}, expected [{expected}]"
    return ""


def _shape_hint(signature: Signature) -> str:
    length, channels = signature.shape
    return f"Sequences are [B, {length}, {channels}]; add a batch axis to a single one: x[None]."


def _sentence(problems: Sequence[str]) -> str:
    text = "; ".join(problems)
    return text[0].upper() + text[1:] + "."
