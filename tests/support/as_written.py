"""Programs run by TensorFlow operation by operation, without XLA, in a fraction of the time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from typing import Any

import pytest
import tensorflow as tf

from ismc.artifacts.cache.cached import CachedProgram
from ismc.execution.on_tensorflow import TensorFlow
from ismc.ism.compiled import CompiledISM
from ismc.ism.program import CompiledProgram


class AsWritten(CompiledProgram):
    """Programs that are run by TensorFlow, operation by operation."""

    def _load(self, letters: Any, batch: int, arrangement: Any) -> Any:
        return _ready(partial(self._flat, letters, batch, arrangement))

    def _model(self, batch: int) -> Any:
        return _ready(partial(self._flat_model, batch))


def _ready(function: Callable[..., Any]) -> CachedProgram:
    """A function in place of the program that would be made of it."""
    return CachedProgram(
        TensorFlow(), run=lambda given: list(function(*map(tf.convert_to_tensor, given)))
    )


@contextmanager
def functions_as_written() -> Iterator[None]:
    """Inside, functions of TensorFlow are not traced."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


@contextmanager
def as_written(ism: CompiledISM) -> Iterator[CompiledISM]:
    """The same program; inside, it is run as it is written."""
    with functions_as_written():
        values = {f.name: getattr(ism.program, f.name) for f in fields(ism.program)}
        yield CompiledISM(AsWritten(**values))


@contextmanager
def all_as_written() -> Iterator[None]:
    """Inside, every program is run as it is written."""
    with functions_as_written(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(CompiledProgram, "_load", AsWritten._load)
        patch.setattr(CompiledProgram, "_model", AsWritten._model)
        yield
