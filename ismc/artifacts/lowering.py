"""A traced function to a module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import tensorflow as tf
from tensorflow.compiler.mlir.stablehlo import stablehlo

from ismc.debug import show
from ismc.modules import Module, Spec

TARGET = "1.0.0"  # of StableHLO: what every runtime of the last years reads


class LoweringError(Exception):
    """Why there is no module."""


def lower(function: Callable[..., Any], arguments: Sequence[Spec], name: str = "program") -> Module:
    """The module of a function of flat tensors that returns a list of tensors.

    Raises:
        LoweringError: when this TensorFlow cannot write StableHLO (before 2.18 or so), or XLA
            cannot compile an operation, or the function holds variables.
    """
    traced = tf.function(function, jit_compile=True, autograph=False)
    specs = [tf.TensorSpec(spec.shape, spec.dtype) for spec in arguments]
    concrete = traced.get_concrete_function(*specs)
    if concrete.captured_inputs:
        held = ", ".join(tensor.name for tensor in concrete.graph.internal_captures)
        raise LoweringError(f"It holds variables that are no weights of the model: {held}.")
    results = concrete.structured_outputs
    stages = traced.experimental_get_compiler_ir(*specs)
    for stage in ("stablehlo", "hlo"):
        show(f"{name}.{stage}", partial(stages, stage=stage))
    try:
        code = stages(stage="stablehlo_serialized")
        serialize = stablehlo.serialize_portable_artifact_str  # pyright: ignore[reportAttributeAccessIssue]
        code = serialize(code, TARGET)
    except (ValueError, AttributeError, tf.errors.OpError) as error:
        raise LoweringError(str(error)) from error
    found = tuple(Spec(tuple(y.shape), y.dtype.name) for y in results)
    return Module(code, tuple(arguments), found)
