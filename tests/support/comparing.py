"""Holds a compiled program against the oracle, to float32 rounding, and says where they differ."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Any

import keras
import numpy as np
import pytest

import ismc
from ismc import strategies
from ismc.errors import InputError
from ismc.plan.cost import Cost

RTOL, ATOL, FLOOR = 1e-4, 1e-5, 0.1


def refused(call: Callable[[], Any], *words: str) -> str:
    """The text of the `InputError` that a call raises; a hint and every word is in it."""
    with pytest.raises(InputError) as caught:
        call()
    text = str(caught.value)
    missing = [word for word in ("Hint:", *words) if word not in text]
    assert not missing, f"{missing} not in: {text}"
    return text


def some_slow(
    names: Iterable[Any], slow: Container[Any], as_written: Container[Any] = ()
) -> list[Any]:
    """Parameters of a test; some are run with ``--slow`` alone, some without XLA unless it is."""
    marks = ((slow, pytest.mark.slow), (as_written, pytest.mark.as_written))
    return [
        pytest.param(name, marks=[mark for chosen, mark in marks if name in chosen])
        for name in names
    ]


def assert_same_outputs(found: Any, expected: Any, sites: Any = None, what: str = "scan") -> None:
    """Two nests of outputs ``[B, S, ...]`` agree.

    The tolerance of an output is ``1e-4`` of each value plus ``1e-5`` of the output's own scale:
    the span of its finite values or the largest of them, and no less than ``0.1``.

    Args:
        found: outputs of the compiled program.
        expected: outputs of the oracle, in the same nest.
        sites: what the site axis counts, for the message.
        what: the call, for the message.

    Raises:
        AssertionError: naming the output, the worst place and both values.
    """
    keras.tree.assert_same_structure(found, expected)
    paths = [".".join(map(str, path)) for path, _ in keras.tree.flatten_with_path(expected)]
    problems = []
    pairs = zip(keras.tree.flatten(found), keras.tree.flatten(expected), strict=True)
    for name, (a, b) in zip(paths, pairs, strict=True):
        problem = _problem(np.asarray(a), np.asarray(b), sites)
        if problem:
            problems.append(f"output {name or 'itself'} of the {what}: {problem}")
    if problems:
        raise AssertionError("\n".join(problems))


def assert_equal_to_oracle(
    ism: Any,
    naive: Any,
    x: Any,
    *,
    replace_with: Any = 0,
    saturate: bool = True,
    replace: bool = True,
    visible: float = 0,
) -> None:
    """The compiled ``ism`` and the oracle ``naive`` agree on ``x``.

    Args:
        ism: the compiled program.
        naive: the oracle of the same model, sites and outputs.
        x: inputs as the model takes them.
        replace_with: what the second comparison writes at each site.
        saturate: whether saturation is compared.
        replace: whether the replacement is compared.
        visible: fails when an output stays closer to its reference than this many tolerances at
            every site, for then the comparison would see little.
    """
    calls: list[tuple[str, Callable[[Any], Any]]] = []
    if saturate:
        calls.append(("saturation", lambda program: program.saturate(x)))
    if replace:
        calls.append(("replacement", lambda program: program(x, replace_with=replace_with)))
    for what, call in calls:
        expected = call(naive)
        if visible:
            _assert_varies(expected, naive.reference(x), what, visible)
        assert_same_outputs(call(ism), expected, naive.sites, what)


def assert_form_agrees(form: str, model: Any, x: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model whose convolutions have that form wherever there is one agrees with the oracle."""

    def chosen(*args: Any) -> dict[str, Cost]:
        forms = strategies.costs(*args)
        return {form: forms[form]} if form in forms else forms

    monkeypatch.setattr("ismc.passes.costs.costs", chosen)
    ism = ismc.compile(model, verify=False)
    assert form in {line.strategy for line in ism.plan.lines}
    assert_equal_to_oracle(ism, ismc.NaiveISM(model), x)


def tolerance(expected: np.ndarray) -> np.ndarray:
    """The largest difference allowed at each value of an output."""
    finite = expected[np.isfinite(expected)]
    scale = max(FLOOR, np.ptp(finite), np.abs(finite).max()) if finite.size else FLOOR
    size = np.abs(np.nan_to_num(expected, posinf=0, neginf=0))
    return RTOL * size + ATOL * scale


def _problem(found: np.ndarray, expected: np.ndarray, sites: Any) -> str:
    if found.shape != expected.shape:
        return f"the shape is {found.shape}, expected {expected.shape}"
    if found.dtype != np.float32:
        return f"the dtype is {found.dtype}, expected float32"
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    with np.errstate(invalid="ignore"):
        excess = np.where(same, 0, np.abs(found - expected) / tolerance(expected))
    excess[np.isnan(excess)] = np.inf
    if not excess.size or excess.max() <= 1:
        return ""
    worst = np.unravel_index(excess.argmax(), excess.shape)
    wrong = sorted({int(i) for i in np.argwhere(excess > 1)[:, 1]}) if excess.ndim > 1 else []
    site = f" (site {sites[worst[1]]})" if sites is not None and len(worst) > 1 else ""
    return (
        f"{(excess > 1).sum()} of {excess.size} values differ, at {len(wrong)} sites {wrong[:12]}; "
        f"worst at {tuple(map(int, worst))}{site}: found {found[worst]:.8g}, expected "
        f"{expected[worst]:.8g}, {excess[worst]:.3g} times the tolerance"
    )


def _assert_varies(scanned: Any, reference: Any, what: str, visible: float) -> None:
    """Some mutant of each output differs from its reference by far more than the tolerance."""
    pairs = zip(keras.tree.flatten(scanned), keras.tree.flatten(reference), strict=True)
    for i, (mutants, own) in enumerate(pairs):
        mutants, own = np.asarray(mutants), np.asarray(own)
        own = own.reshape(own.shape[0], *(1,) * (mutants.ndim - own.ndim), *own.shape[1:])
        effect = np.abs(mutants - own) / tolerance(np.broadcast_to(own, mutants.shape))
        if effect.max() < visible:
            raise AssertionError(f"output {i} of the {what} hardly varies: {effect.max():.3g}")
