"""Lowers a traced function to a `Module`."""

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
from ismc.ir.dump import show_stage

LOCATIONS = re.compile(r'^#loc.*\n| ?loc\((?:#loc\d*|unknown|"(?:[^"\\]|\\.)*")\)', re.MULTILINE)
"""Source locations in StableHLO: they contain layer names, which TensorFlow numbers per process."""
STABLEHLO_VERSION = "1.0.0"  # every runtime of recent years reads this version


class LoweringError(Exception):
    """The function has no module; the message says why."""


def lower(
    function: Callable[..., Any],
    arguments: Sequence[Spec],
    name: str = "program",
    variables: Mapping[int, tf.Variable] | None = None,
    with_digest: bool = False,
) -> Module:
    """The module of a function of flat tensors that returns a list of tensors.

    Args:
        function: the function to trace.
        arguments: the shape and dtype of each argument.
        name: the name under which stages are dumped.
        variables: by argument number, the variables whose values are arguments. Layers of
            `tf_keras` read them directly.
        with_digest: whether to compute a digest of the module's text, which does not depend on
            names.

    Raises:
        LoweringError: when this TensorFlow cannot write StableHLO (before about 2.18), when XLA
            cannot compile an operation, or when the function captures other variables.
    """
    traced = tf.function(function, jit_compile=True, autograph=False)
    specs = [tf.TensorSpec(spec.shape, spec.dtype) for spec in arguments]
    with gc_paused():
        concrete = traced.get_concrete_function(*specs)
    argument_numbers = {id(variable.handle): i for i, variable in (variables or {}).items()}
    repeated, constants = [], []
    for tensor in concrete.captured_inputs:
        if tensor.dtype == tf.resource and id(tensor) not in argument_numbers:
            raise LoweringError("The function captures variables that are not model weights.")
        repeated.append(argument_numbers.get(id(tensor), len(arguments) + len(constants)))
        if id(tensor) not in argument_numbers:
            constants.append(np.asarray(tensor))
    with _without_stack_traces(concrete) as bare:
        stages = bare.experimental_get_compiler_ir(*specs)
        for stage in ("stablehlo", "hlo"):
            show_stage(f"{name}.{stage}", partial(stages, stage=stage))
        try:
            serialize = stablehlo.serialize_portable_artifact_str  # pyright: ignore[reportAttributeAccessIssue]
            code = serialize(stages(stage="stablehlo_serialized"), STABLEHLO_VERSION)
            text = _digest(stages(stage="stablehlo")) if with_digest else ""
        except (ValueError, AttributeError, tf.errors.OpError) as error:
            raise LoweringError(str(error)) from error
    results = tuple(Spec(tuple(y.shape), y.dtype.name) for y in concrete.structured_outputs)
    return Module(code, tuple(arguments), results, tuple(repeated), tuple(constants), text)


@contextmanager
def _without_stack_traces(concrete: Any) -> Iterator[Any]:
    """A copy of a function whose operations have no Python stack traces.

    TensorFlow never frees a function that it has lowered, nor the stack trace of each of its
    operations. The stack traces take several times the memory of the function itself.
    """
    library = concrete.graph.as_graph_def().library.function
    functions = [concrete.function_def, *library]
    names = {definition.signature.name: f"ismc_lowered_{next(_COUNT)}" for definition in functions}
    running: Any = context.context()
    with ExitStack() as added:
        for function in functions:
            function.signature.name = names[function.signature.name]
            for node in function.node_def:
                for value in node.attr.values():
                    for callee in [value.func] if value.HasField("func") else value.list.func:
                        callee.name = names.get(callee.name, callee.name)
            running.add_function_def(function)
            added.callback(running.remove_function, function.signature.name)
        dtypes = [argument.type for argument in functions[0].signature.output_arg]
        captured, name = concrete.captured_inputs, functions[0].signature.name

        def call(*arguments: Any) -> Any:
            return tf.raw_ops.PartitionedCall(args=[*arguments, *captured], Tout=dtypes, f=name)

        yield tf.function(call, jit_compile=True, autograph=False)


_COUNT = count()  # a reused name would return TensorFlow's old function


def _digest(text: str) -> str:
    """A digest of the text of a StableHLO module, without layer names and the module's name.

    Raises:
        LoweringError: when the text omits constants.
    """
    if "elided" in text:
        raise LoweringError("The constants of the function are too large for the text.")
    body = text[text.index("{", text.index("module @")) :]
    return sha256(LOCATIONS.sub("", body).encode()).hexdigest()
