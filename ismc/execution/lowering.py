"""A traced function to a module."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from hashlib import sha256
from itertools import count
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.compiler.mlir.stablehlo import stablehlo
from tensorflow.python.eager import context

from ismc.execution.gc import gc_paused
from ismc.execution.module import Module, Spec
from ismc.ir.dump import show

PLACES = re.compile(r'^#loc.*\n| ?loc\((?:#loc\d*|unknown|"(?:[^"\\]|\\.)*")\)', re.MULTILINE)
"""Where parts of a program come from: names of layers, which count up in a process."""
TARGET = "1.0.0"  # of StableHLO: what every runtime of the last years reads


class LoweringError(Exception):
    """Why there is no module."""


def lower(
    function: Callable[..., Any],
    arguments: Sequence[Spec],
    name: str = "program",
    variables: Mapping[int, tf.Variable] | None = None,
    told: bool = False,
) -> Module:
    """The module of a function of flat tensors that returns a list of tensors.

    Args:
        function: what is traced.
        arguments: what it takes.
        name: what it is called where stages are shown.
        variables: by number, arguments that are the values of variables, which layers of
            `tf_keras` read by themselves.
        told: whether the module gets a digest of its text, which does not depend on names.

    Raises:
        LoweringError: when this TensorFlow cannot write StableHLO (before 2.18 or so), when XLA
            cannot compile an operation, or when the function holds other variables.
    """
    traced = tf.function(function, jit_compile=True, autograph=False)
    specs = [tf.TensorSpec(spec.shape, spec.dtype) for spec in arguments]
    with gc_paused():
        concrete = traced.get_concrete_function(*specs)
    known = {id(variable.handle): i for i, variable in (variables or {}).items()}
    again, constants = [], []
    for tensor in concrete.captured_inputs:
        if tensor.dtype == tf.resource and id(tensor) not in known:
            raise LoweringError("It holds variables that are no weights of the model.")
        again.append(known.get(id(tensor), len(arguments) + len(constants)))
        if id(tensor) not in known:
            constants.append(np.asarray(tensor))
    with _without_stack_traces(concrete) as bare:
        stages = bare.experimental_get_compiler_ir(*specs)
        for stage in ("stablehlo", "hlo"):
            show(f"{name}.{stage}", partial(stages, stage=stage))
        try:
            serialize = stablehlo.serialize_portable_artifact_str  # pyright: ignore[reportAttributeAccessIssue]
            code = serialize(stages(stage="stablehlo_serialized"), TARGET)
            text = _digest(stages(stage="stablehlo")) if told else ""
        except (ValueError, AttributeError, tf.errors.OpError) as error:
            raise LoweringError(str(error)) from error
    results = tuple(Spec(tuple(y.shape), y.dtype.name) for y in concrete.structured_outputs)
    return Module(code, tuple(arguments), results, tuple(again), tuple(constants), text)


@contextmanager
def _without_stack_traces(concrete: Any) -> Iterator[Any]:
    """A copy of a function whose operations have no Python stack traces.

    TensorFlow never frees a function that it has lowered, nor the stack trace of each of its
    operations. The stack traces take several times the memory of the function itself.
    """
    library = concrete.graph.as_graph_def().library.function
    functions = [concrete.function_def, *library]
    names = {each.signature.name: f"ismc_lowered_{next(_COUNT)}" for each in functions}
    running: Any = context.context()
    with ExitStack() as added:
        for function in functions:
            function.signature.name = names[function.signature.name]
            for node in function.node_def:
                for value in node.attr.values():
                    for called in [value.func] if value.HasField("func") else value.list.func:
                        called.name = names.get(called.name, called.name)
            running.add_function_def(function)
            added.callback(running.remove_function, function.signature.name)
        kinds = [argument.type for argument in functions[0].signature.output_arg]
        captured, name = concrete.captured_inputs, functions[0].signature.name

        def call(*given: Any) -> Any:
            return tf.raw_ops.PartitionedCall(args=[*given, *captured], Tout=kinds, f=name)

        yield tf.function(call, jit_compile=True, autograph=False)


_COUNT = count()  # a name that is used again would give TensorFlow's old function


def _digest(text: str) -> str:
    """A digest of StableHLO in words, without the names of layers and of the module.

    Raises:
        LoweringError: where constants are left out of the text.
    """
    if "elided" in text:
        raise LoweringError("Its constants are too large to be written down.")
    body = text[text.index("{", text.index("module @")) :]
    return sha256(PLACES.sub("", body).encode()).hexdigest()
