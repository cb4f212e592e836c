"""Modules under JAX, on whatever device it has; TensorFlow and Keras are not needed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields, replace
from importlib import import_module
from typing import Any

import numpy as np

from ismc.errors import ArtifactError
from ismc.execution.module import Array, Module, Run, Spec


class Jax:
    """JAX as a runtime; see `Runtime`."""

    name = "jax"

    def __init__(self) -> None:
        try:
            import jax
            from jax import export
        except ImportError as error:
            raise ArtifactError(
                f"JAX cannot be imported ({error}).",
                hint="pip install jax, or load with runtime='tensorflow'.",
            ) from error
        self._jax, self._export = jax, export

    def __str__(self) -> str:
        device = self._jax.devices()[0]
        return f"jax {self._jax.__version__} on {device.device_kind}"

    def put(self, value: Array) -> Any:
        """The array on the device."""
        with self._wide([Spec(value.shape, value.dtype.name)]):
            return self._jax.device_put(np.asarray(value))

    def on(self, device: str) -> AbstractContextManager[Any]:
        """Where JAX puts things by itself."""
        del device
        return nullcontext()

    def load(self, module: Module) -> Run:
        """The module as a function of JAX arrays.

        A function that JAX exported itself is given the module in place of its own: JAX has no
        other public way to call one.
        """
        jax = self._jax
        own = self._export.export(jax.jit(lambda x: x))(jax.ShapeDtypeStruct((1,), "float32"))
        arguments, results = (
            tuple(jax.core.ShapedArray(spec.shape, np.dtype(spec.dtype)) for spec in specs)
            for specs in (module.taken, module.results)
        )
        given = {
            "fun_name": f"ismc_{module.digest[:12]}",
            "in_tree": jax.tree.structure((tuple(arguments), {})),
            "in_avals": arguments,
            "out_tree": jax.tree.structure(results),
            "out_avals": results,
            "mlir_module_serialized": module.code,
            "module_kept_var_idx": tuple(range(len(arguments))),
            "in_shardings_hlo": (None,) * len(arguments),
            "out_shardings_hlo": (None,) * len(results),
            "_in_named_shardings": (None,) * len(arguments),
            "_out_named_shardings": (None,) * len(results),
        }
        known = {field.name for field in fields(own)}
        program = jax.jit(replace(own, **{k: v for k, v in given.items() if k in known}).call)
        wide, fixed = [*module.taken, *module.results], [*map(self.put, module.constants)]

        def run(values: Sequence[Any]) -> list[Any]:
            with self._wide(wide):
                return list(program(*module.all(values, fixed)))

        return run

    def zeros(self, shape: Sequence[int]) -> Any:
        """Zeros, in float32."""
        return self._jax.numpy.zeros(tuple(shape), "float32")

    def concat(self, values: Sequence[Any], axis: int = 0) -> Any:
        """Arrays one behind the other, along an axis."""
        return values[0] if len(values) == 1 else self._jax.numpy.concatenate(values, axis)

    def take(self, value: Any, rows: Array) -> Any:
        """Rows of an array."""
        return value[np.asarray(rows)]

    def _wide(self, specs: Sequence[Spec]) -> AbstractContextManager[Any]:
        """Allows 64 bits where a program has them: JAX leaves them out by default."""
        if not any(spec.dtype.endswith("64") for spec in specs):
            return nullcontext()
        newer = getattr(self._jax, "enable_x64", None)  # since 0.8
        return import_module("jax.experimental").enable_x64() if newer is None else newer(True)
