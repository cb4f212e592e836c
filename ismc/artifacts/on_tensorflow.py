"""Modules under TensorFlow: no tracing, and names that do not change from process to process.

A module is the one operation ``XlaCallModule`` of a function that XLA must compile. The name of the
function is part of the key of XLA's own cache of executables, so it is made from the module's
digest; the names that `tf.function` gives count up.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any
from weakref import WeakValueDictionary, finalize

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import function_pb2
from tensorflow.python.eager import context

from ismc.modules import Array, Module, Run

CALL_VERSION = 9  # of the operation's calling convention
PLATFORM, ANYWHERE = "CPU", "platform"  # a module names one, and may run on others


class TensorFlow:
    """TensorFlow as a runtime; see `Runtime`."""

    name = "tensorflow"

    def __str__(self) -> str:
        device = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
        return f"tensorflow {tf.__version__} on {device}"

    def put(self, value: Array) -> Any:
        """The array as a tensor."""
        return tf.constant(value)

    def on(self, device: str) -> AbstractContextManager[Any]:
        """What is done inside is done on that device."""
        return tf.device(device) if device else nullcontext()

    def load(self, module: Module) -> Run:
        """The module as a function of eager tensors."""
        held = _FUNCTIONS.get(module.digest)
        if held is None:
            held = _FUNCTIONS[module.digest] = _Function(module)
        fixed = [tf.constant(value) for value in module.constants]
        return partial(_run, held, module, fixed)

    def zeros(self, shape: Sequence[int]) -> Any:
        """Zeros, in float32."""
        return tf.zeros(shape)

    def concat(self, values: Sequence[Any], axis: int = 0) -> Any:
        """Tensors one behind the other, along an axis."""
        return values[0] if len(values) == 1 else tf.concat(list(values), axis)

    def take(self, value: Any, rows: Array) -> Any:
        """Rows of a tensor."""
        return tf.gather(value, np.asarray(rows, np.int64))


class _Function:
    """A module as a function of TensorFlow's, which is there as long as this object is.

    What TensorFlow holds of a module, its parsed form above all, is large.
    """

    def __init__(self, module: Module) -> None:
        self.name = f"ismc_{module.digest[:32]}"
        self.dtypes = [tf.as_dtype(spec.dtype) for spec in module.results]
        running: Any = context.context()
        running.ensure_initialized()
        running.add_function_def(_definition(self.name, module))
        finalize(self, _removed, running, self.name).atexit = False


_FUNCTIONS: WeakValueDictionary[str, _Function] = WeakValueDictionary()


def _removed(running: Any, name: str) -> None:
    if running.has_function(name):
        running.remove_function(name)


def _run(
    held: _Function, module: Module, fixed: Sequence[Any], arguments: Sequence[Any]
) -> list[Any]:
    values = module.all(arguments, fixed)
    return list(tf.raw_ops.PartitionedCall(args=values, Tout=held.dtypes, f=held.name))


def call(module: Module, arguments: Sequence[Any]) -> list[Any]:
    """The module as a part of a graph that is traced; XLA must compile it."""
    from tensorflow.compiler.tf2xla.ops import gen_xla_ops

    operation: Any = gen_xla_ops.xla_call_module
    return list(
        operation(
            module.all(arguments, [tf.constant(value) for value in module.constants]),
            version=CALL_VERSION,
            module=module.code,
            Sout=[list(spec.shape) for spec in module.results],
            Tout=[tf.as_dtype(spec.dtype) for spec in module.results],
            platforms=[PLATFORM],
            disabled_checks=[ANYWHERE],
        )
    )


def _definition(name: str, module: Module) -> Any:
    """A function of one operation, which XLA must compile."""
    protocol: Any = function_pb2
    function = protocol.FunctionDef()
    function.signature.name = name
    function.attr["_XlaMustCompile"].b = True
    node = function.node_def.add(name="program", op="XlaCallModule")
    node.attr["version"].i = CALL_VERSION
    node.attr["module"].s = module.code
    node.attr["has_token_input_output"].b = False
    for key in ("Tin", "Tout", "Sout", "dim_args_spec", "function_list"):
        node.attr[key].list.SetInParent()
    node.attr["platforms"].list.s.append(PLATFORM.encode())
    node.attr["disabled_checks"].list.s.append(ANYWHERE.encode())
    for i, spec in enumerate(module.taken):
        kind = tf.as_dtype(spec.dtype).as_datatype_enum
        function.signature.input_arg.add(name=f"a{i}", type=kind)
        node.input.append(f"a{i}")
        node.attr["Tin"].list.type.append(kind)
    for i, spec in enumerate(module.results):
        kind = tf.as_dtype(spec.dtype).as_datatype_enum
        function.signature.output_arg.add(name=f"y{i}", type=kind)
        node.attr["Tout"].list.type.append(kind)
        node.attr["Sout"].list.shape.add().CopyFrom(tf.TensorShape(spec.shape).as_proto())
        function.ret[f"y{i}"] = f"program:output:{i}"
    return function
