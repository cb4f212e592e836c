"""The flat arguments of programs: packed and unpacked by name, and stored in artifacts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import ismc
from ismc.errors import ArtifactError, InternalError
from ismc.execution.module import module
from ismc.execution.signature import ProgramSignature, Spec
from ismc.execution.substitutions import kinds
from ismc.execution.tiling import tables_of
from ismc.ism.save import programs
from tests.support.models import two_heads
from tests.zoo import one_hot

SCALAR = Spec((), "float32")
TWO = ProgramSignature((("input", "x"), ("weight", "a", "b")), (SCALAR, SCALAR))


def test_packing_is_the_inverse_of_unpacking() -> None:
    assert TWO.unpack(TWO.pack({("weight", "a", "b"): 2, ("input", "x"): 1})) == {
        ("input", "x"): 1, ("weight", "a", "b"): 2,
    }  # fmt: skip
    assert TWO.pack(TWO.unpack([1, 2])) == [1, 2]
    assert TWO.index(("weight", "a", "b")) == 1


@pytest.mark.parametrize(
    "named",
    [
        {("input", "x"): 1},
        {("input", "x"): 1, ("weight", "a", "b"): 2, ("input", "y"): 3},
        {("input", "x"): 1, ("weight", "a", "c"): 2},
    ],
)
def test_missing_and_unknown_arguments_are_named(named: Any) -> None:
    with pytest.raises(InternalError, match=r"missing or unknown: \[\('(input|weight)'"):
        TWO.pack(named)
    with pytest.raises(ValueError, match="zip"):
        TWO.unpack([1])


def test_names_are_those_of_the_arguments() -> None:
    with pytest.raises(ValueError, match="1 names for 2"):
        ProgramSignature(TWO.names[:1], TWO.specs)
    with pytest.raises(ValueError, match="2 names for 2"):
        ProgramSignature(TWO.names[:1] * 2, TWO.specs)


def mixed() -> keras.Model:
    """A context input before the sequence, and a layer without weights between layers with some."""
    context, x = keras.Input((3,), name="context"), keras.Input((30, 4), name="dna")
    y = keras.layers.MaxPooling1D(2)(keras.layers.Conv1D(5, 3)(x))
    y = keras.layers.Concatenate()([keras.layers.Flatten()(y), context])
    return keras.Model([context, x], keras.layers.Dense(2)(y))


def test_signatures_are_what_calls_pass() -> None:
    program = ismc.compile(mixed(), sequence_input="dna", verify=False).program
    inputs = program.inputs([np.ones((1, 3)), np.zeros((1, 30, 4))])
    for letters in kinds(program.plan):
        tiling = program.arranged(letters, 1)
        signature = program.signature_of(letters, 1, tiling)
        named = program.arguments(inputs, letters, program.weights()) | tables_of(tiling)[0]
        assert signature.unpack(signature.pack(named)).keys() == named.keys()
        for value, spec in zip(signature.pack(named), signature.specs, strict=True):
            assert (tuple(value.shape), value.dtype) == (spec.shape, spec.dtype)
        assert signature.names[0] == ("input", "dna")
    assert program.signature_of_model(1).names[0] == ("input", "context")


def test_modules_keep_their_names() -> None:
    modules = programs(ismc.compile(mixed(), sequence_input="dna", verify=False).program, 0, 1)
    for found in modules.values():
        assert len(found.names) == len(found.arguments)
        again = module(found.code, found.record(), found.constants)
        assert (again.names, again.arguments) == (found.names, found.arguments)
        record = found.record() | {"names": [["input", "x"]] * len(found.arguments)}
        with pytest.raises(ValueError, match="names for"):
            module(found.code, record, found.constants)


@pytest.fixture
def loaded(tmp_path: Path) -> ismc.LoadedISM:
    ismc.compile(two_heads(), verify=False, cache=False).save(tmp_path / "a.ismc")
    return ismc.load(tmp_path / "a.ismc", cache=False)


def fresh(loaded: ismc.LoadedISM, change: Any) -> ismc.LoadedISM:
    """The artifact with other modules, and nothing loaded yet."""
    modules = {name: change(found) for name, found in loaded.program.modules.items()}
    return ismc.LoadedISM(replace(loaded.program, modules=modules, programs={}))


def test_a_call_takes_the_stored_order(loaded: ismc.LoadedISM) -> None:
    x = one_hot(np.random.default_rng(0), 2, 60, unknown=0)
    names = []

    def noted(found: Any) -> Any:
        names.append(found.names)
        return found

    again = fresh(loaded, noted)
    again.saturate(x)
    (program,) = [p for p in again.program.programs.values() if p.tables]
    assert program.signature.names in names


def test_other_arguments_are_an_error(loaded: ismc.LoadedISM) -> None:
    def renamed(found: Any) -> Any:
        return replace(found, names=(*found.names[:-1], ("tiles", "number")))

    with pytest.raises(ArtifactError, match=r"takes other arguments than a call passes, such as"):
        fresh(loaded, renamed).verify()


def test_artifacts_without_names_are_called_in_the_order_of_before(loaded: ismc.LoadedISM) -> None:
    x = one_hot(np.random.default_rng(0), 2, 60, unknown=0)
    old = fresh(loaded, lambda found: replace(found, names=()))
    for key, y in loaded.saturate(x).items():
        np.testing.assert_array_equal(old.saturate(x)[key], y)
    for key, y in loaded.reference(x).items():
        np.testing.assert_array_equal(old.reference(x)[key], y)
