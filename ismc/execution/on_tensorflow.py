"""Modules under TensorFlow, without tracing and under names that are equal in every process.

A module is one ``XlaCallModule`` operation in a function that XLA must compile. The function's name
is part of the key of XLA's own cache of executables. It is therefore made from the module's digest;
names that `tf.function` chooses contain a counter.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from hashlib import sha256
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary, finalize

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import function_pb2
from tensorflow.python.eager import context

from ismc.execution.module import Array, Module, Run, Spec

CALL_VERSION = 9  # version of the operation's calling convention
PLATFORM, ANYWHERE = "CPU", "platform"  # the module's platform; the check that is disabled


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
        """A context that runs its body on a device; an empty name has no effect."""
        return tf.device(device) if device else nullcontext()

    def load(self, module: Module) -> Run:
        """The module as a function of eager tensors, and of variables, which it reads itself."""
        return _Program(module)

    def zeros(self, shape: Sequence[int]) -> Any:
        """Zeros, float32."""
        return tf.zeros(shape)

    def concat(self, values: Sequence[Any], axis: int = 0) -> Any:
        """Tensors concatenated along an axis."""
        return values[0] if len(values) == 1 else tf.concat(list(values), axis)

    def take(self, value: Any, rows: Array) -> Any:
        """The given rows of a tensor."""
        return tf.gather(value, np.asarray(rows, np.int64))


class _Program:
    """A callable module, with one TensorFlow function per set of arguments that are variables."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.constants = [tf.constant(value) for value in module.constants]
        self.functions: dict[tuple[int, ...], _Function] = {}

    def __call__(self, arguments: Sequence[Any]) -> list[Any]:
        read = tuple(i for i, value in enumerate(arguments) if isinstance(value, tf.Variable))
        function = self.functions.get(read)
        if function is None:
            function = self.functions[read] = _function(self.module, read)
        values = [*arguments, *self.constants]
        for i in read:
            values[i] = arguments[i].handle
        return list(tf.raw_ops.PartitionedCall(args=values, Tout=function.dtypes, f=function.name))


class _Function:
    """A module registered as a TensorFlow function until this object is freed.

    What TensorFlow keeps of a module, above all its parsed form, is large.
    """

    def __init__(self, module: Module, read: tuple[int, ...]) -> None:
        variables = f"_{sha256(repr(read).encode()).hexdigest()[:8]}" if read else ""
        self.name = f"ismc_{module.digest[:32]}{variables}"
        self.dtypes = [tf.as_dtype(spec.dtype) for spec in module.results]
        running: Any = context.context()
        running.ensure_initialized()
        running.add_function_def(_definition(self.name, module, read))
        finalize(self, _remove, running, self.name).atexit = False


_FUNCTIONS: WeakValueDictionary[tuple[str, tuple[int, ...]], _Function] = WeakValueDictionary()
_LOCK = Lock()


def _function(module: Module, read: tuple[int, ...]) -> _Function:
    """The function of a module that reads the given arguments from variables; each is made once."""
    with _LOCK:
        function = _FUNCTIONS.get((module.digest, read))
        if function is None:
            function = _FUNCTIONS[module.digest, read] = _Function(module, read)
        return function


def _remove(running: Any, name: str) -> None:
    if running.has_function(name):
        running.remove_function(name)


def call(module: Module, arguments: Sequence[Any]) -> list[Any]:
    """Calls the module inside a graph that is being traced; XLA must compile the graph."""
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


def _definition(name: str, module: Module, read: Sequence[int]) -> Any:
    """A function that XLA must compile: one operation, and the reads of variables."""
    protocol: Any = function_pb2
    function = protocol.FunctionDef()
    function.signature.name = name
    function.attr["_XlaMustCompile"].b = True
    values = []
    constants = [Spec(value.shape, value.dtype.name) for value in module.constants]
    for i, spec in enumerate([*module.arguments, *constants]):
        kind, value = tf.as_dtype(spec.dtype).as_datatype_enum, f"a{i}"
        if i in read:
            node = function.node_def.add(name=f"r{i}", op="ReadVariableOp", input=[value])
            node.attr["dtype"].type = kind
            kind, value = tf.resource.as_datatype_enum, f"r{i}:value:0"
        function.signature.input_arg.add(name=f"a{i}", type=kind)
        values.append(value)
    count = len(module.arguments)
    node = function.node_def.add(name="program", op="XlaCallModule")
    node.input.extend(module.all(values[:count], values[count:]))
    node.attr["version"].i = CALL_VERSION
    node.attr["module"].s = module.code
    node.attr["has_token_input_output"].b = False
    for key in ("Tin", "Tout", "Sout", "dim_args_spec", "function_list"):
        node.attr[key].list.SetInParent()
    node.attr["platforms"].list.s.append(PLATFORM.encode())
    node.attr["disabled_checks"].list.s.append(ANYWHERE.encode())
    for spec in module.taken:
        node.attr["Tin"].list.type.append(tf.as_dtype(spec.dtype).as_datatype_enum)
    for i, spec in enumerate(module.results):
        kind = tf.as_dtype(spec.dtype).as_datatype_enum
        function.signature.output_arg.add(name=f"y{i}", type=kind)
        node.attr["Tout"].list.type.append(kind)
        node.attr["Sout"].list.shape.add().CopyFrom(tf.TensorShape(spec.shape).as_proto())
        function.ret[f"y{i}"] = f"program:output:{i}"
    return function
