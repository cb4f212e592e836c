"""Modules under JAX, on its default device; TensorFlow and Keras are not needed."""

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
        """A context without effect: JAX chooses the device."""
        del device
        return nullcontext()

    def load(self, module: Module) -> Run:
        """The module as a function of JAX arrays.

        JAX has no public way to call a foreign module, so this exports a trivial function and
        replaces the exported module by this one.
        """
        jax = self._jax
        exported = self._export.export(jax.jit(lambda x: x))(jax.ShapeDtypeStruct((1,), "float32"))
        arguments, results = (
            tuple(jax.core.ShapedArray(spec.shape, np.dtype(spec.dtype)) for spec in group)
            for group in (module.taken, module.results)
        )
        changes = {
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
        field_names = {field.name for field in fields(exported)}
        program = jax.jit(
            replace(exported, **{k: v for k, v in changes.items() if k in field_names}).call
        )
        specs, constants = [*module.taken, *module.results], [*map(self.put, module.constants)]

        def run(values: Sequence[Any]) -> list[Any]:
            with self._wide(specs):
                return list(program(*module.all(values, constants)))

        return run

    def zeros(self, shape: Sequence[int]) -> Any:
        """Zeros, float32."""
        return self._jax.numpy.zeros(tuple(shape), "float32")

    def concat(self, values: Sequence[Any], axis: int = 0) -> Any:
        """Arrays concatenated along an axis."""
        return values[0] if len(values) == 1 else self._jax.numpy.concatenate(values, axis)

    def take(self, value: Any, rows: Array) -> Any:
        """The given rows of an array."""
        return value[np.asarray(rows)]

    def _wide(self, specs: Sequence[Spec]) -> AbstractContextManager[Any]:
        """A context that enables 64-bit types if a program has any; JAX's default is 32 bits."""
        if not any(spec.dtype.endswith("64") for spec in specs):
            return nullcontext()
        newer = getattr(self._jax, "enable_x64", None)  # since 0.8
        return import_module("jax.experimental").enable_x64() if newer is None else newer(True)
