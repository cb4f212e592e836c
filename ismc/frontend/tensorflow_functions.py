"""The functions of `keras.ops` that are equivalent to TensorFlow functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops

MODULES = ("", "math", "nn", "linalg", "compat.v1", "__operators__")
FUNCTIONS: Mapping[str, tuple[str, list[str]]] = {
    names.split(":")[0]: (names.split(":")[-1].removeprefix("reduce_"), arguments.split())
    for arguments, functions in {
        "x": "abs cos exp log log1p negative rsqrt sigmoid sign sin sqrt square tanh",
        "x y": "add divide maximum minimum multiply pow:power subtract truediv:true_divide",
        "x dtype": "cast",
        "t clip_value_min clip_value_max": "clip_by_value:clip",
        "features": "elu relu relu6 selu silu softplus softsign",
        "features alpha": "leaky_relu",
        "features approximate": "gelu",
        "logits axis": "log_softmax softmax",
        "input_tensor axis keepdims": "reduce_max reduce_mean reduce_min reduce_sum",
        "input axis": "expand_dims squeeze",
        "values axis": "concat:concatenate stack",
        "tensor shape": "reshape",
        "tensor slice_spec": "getitem",
        "a perm": "transpose",
        "a b": "matmul",
    }.items()
    for names in functions.split()
}
"""TensorFlow functions: the name in ``keras.ops``, and TensorFlow's argument names in order."""


def apply_in_keras(symbol: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of the ``keras.ops`` function equivalent to a call of a TensorFlow function.

    Raises:
        LookupError: when there is no equivalent.
    """
    module, _, title = symbol.rpartition(".")
    function, names = FUNCTIONS[title]
    by_name: dict[str, Any] = {"approximate": False} | dict(zip(names, args, strict=False)) | kwargs
    extra = [*args[len(names) :], *(v for k, v in by_name.items() if k not in (*names, "name"))]
    if module not in MODULES or any(v is not None and v is not False for v in extra):
        raise LookupError(symbol)
    last = max(i for i, name in enumerate(names) if name in by_name)
    values: list[Any] = [by_name.get(name) for name in names[: last + 1]]
    if function == "getitem":
        return values[0][tuple(values[1]) if isinstance(values[1], list) else values[1]]
    return getattr(ops, function)(*values)
