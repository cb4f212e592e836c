"""Exports a compiled program as a SavedModel, to serve it with TensorFlow."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np
import tensorflow as tf

from ismc.artifacts.record import MODEL, program_name
from ismc.errors import ArtifactError
from ismc.execution.module import Module
from ismc.execution.on_tensorflow import call
from ismc.execution.signature import BLOCK, INPUT, ROTATION, Name
from ismc.execution.substitutions import Substitutions, kinds
from ismc.execution.tiling import tables_of
from ismc.ism.base import ScanProgram

Tensors = Mapping[str, tf.Tensor]


def export(ism: ScanProgram, modules: Mapping[str, Module], path: str | Path) -> None:
    """Writes a folder that TensorFlow loads and serves without ismc and without Keras.

    Args:
        ism: the program, which has the plan, the names and the weights.
        modules: the modules of its programs, by name.
        path: the folder to create; it must not exist.

    Raises:
        ArtifactError: when the folder exists or cannot be written; no partial folder remains.
    """
    target = Path(path)
    if target.exists():
        raise ArtifactError(f"{target} exists.", hint="Remove it, or choose another folder.")
    part = target.with_name(f".{token_hex(8)}.part")
    served = _Served(ism, modules)
    try:
        tf.saved_model.save(served, str(part), signatures=served.signatures())
        part.replace(target)
    except (OSError, tf.errors.OpError) as error:
        raise ArtifactError(
            f"{target} cannot be written ({error}).",
            hint="Free space, make the folder writable, or choose another one.",
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


class _Served(tf.Module):
    """The saved module: the weights, and functions of any number of sequences."""

    def __init__(self, ism: ScanProgram, modules: Mapping[str, Module]) -> None:
        super().__init__(name="ismc")
        self._ism, self._modules = ism, dict(modules)
        self.weight_variables = [
            tf.Variable(tf.constant(np.asarray(w)), trainable=False) for w in ism.weights()
        ]
        *saturating, self._write = kinds(ism.plan)
        self._rotations, self._every = saturating[0], saturating[-1]

    def signatures(self) -> dict[str, Any]:
        """``saturate`` (served by default), ``reference``, and ``write``.

        Scores that compare the letters of a site have no ``write``.
        """
        specs = {
            name: tf.TensorSpec([None, *shape], tf.float32, name=name)
            for name, shape in self._ism.plan.inputs
        }
        _, width, channels = self._every.block.shape
        block = tf.TensorSpec([width, channels], tf.float32, name="block")
        saturate = self._function(self._saturated, specs)
        functions = {
            "serving_default": saturate,
            "saturate": saturate,
            "reference": self._function(self._reference, specs),
        }
        if not self._ism.compares_letters:
            functions["write"] = self._function(self._write_block, specs | {"block": block})
        return functions

    def _function(self, function: Callable[..., Any], specs: Mapping[str, Any]) -> Any:
        traced = tf.function(function, autograph=False)
        return traced.get_concrete_function(**specs)

    def _saturated(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Every letter at every site: ``[B, S, C, *output]`` by label."""
        plan = self._ism.plan

        def one(tensors: Tensors) -> list[tf.Tensor]:
            if not self._rotations.alternatives_only:
                return self._program(tensors, self._every, self._every.block)
            at = tf.gather(tensors[plan.sequence], tf.constant(plan.starts))
            binary = tf.reduce_all((at == 0) | (at == 1))
            one_hot = binary & tf.reduce_all(tf.reduce_sum(at, 1) == 1)
            return tf.cond(
                one_hot,
                lambda: self._program(tensors, self._rotations, self._rotations.block),
                lambda: self._program(tensors, self._every, self._every.block),
            )

        return self._each(one, inputs)

    def _write_block(self, block: tf.Tensor, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """One block at every site: ``[B, S, *output]`` by label."""

        def one(tensors: Tensors) -> list[tf.Tensor]:
            return [y[:, 0] for y in self._program(tensors, self._write, block[None])]

        return self._each(one, inputs)

    def _reference(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """The model's own outputs: ``[B, *output]`` by label."""
        module = self._modules[f"{MODEL}-1"]

        def one(tensors: Tensors) -> list[tf.Tensor]:
            named = self._ism.signature_of_model(1).pack(self._shared(tensors))
            return [y[0] for y in self._compiled(module, named)]

        return self._each(one, inputs)

    def _each(
        self, function: Callable[[Tensors], list[tf.Tensor]], inputs: Tensors
    ) -> dict[str, tf.Tensor]:
        """Maps a function over the sequences, since the saved programs take one at a time."""
        names = [name for name, _ in self._ism.plan.inputs]
        outputs = [tf.float32] * len(self._ism.chosen)
        results = tf.map_fn(
            lambda values: function(dict(zip(names, values, strict=True))),
            [inputs[name] for name in names],
            parallel_iterations=1,
            fn_output_signature=outputs,
        )
        return dict(zip(self._ism.labels, results, strict=True))

    def _program(self, tensors: Tensors, letters: Substitutions, block: Any) -> list[tf.Tensor]:
        plan = self._ism.plan
        arrangement = self._ism.arranged(letters, 1)
        signature = self._ism.signature_of(letters, 1, arrangement)
        substitution = {ROTATION: tf.constant(letters.rotation), BLOCK: tf.convert_to_tensor(block)}
        shared = self._shared(tensors) | substitution
        module, parts = self._modules[program_name(letters, 1)], []
        for (begin, end), tables in zip(arrangement.parts, tables_of(arrangement), strict=True):
            constants = {name: tf.constant(table) for name, table in tables.items()}
            ys = self._compiled(module, signature.pack(shared | constants))
            parts.append([y[0, : end - begin] for y in ys])
        joined = [tf.concat(ys, 0) for ys in zip(*parts, strict=True)]
        if not plan.guard:
            return joined
        *joined, lost = joined
        return [_nan_where(lost > 0, y) for y in joined]

    def _shared(self, tensors: Tensors) -> dict[Name, Any]:
        """The inputs of one sequence and the weights, by name."""
        inputs = {(INPUT, name): tensors[name][None] for name, _ in self._ism.plan.inputs}
        return inputs | dict(zip(self._ism.weight_specs, self.weight_variables, strict=True))

    def _compiled(self, module: Module, arguments: list[Any]) -> list[tf.Tensor]:
        run = tf.function(lambda *tensors: call(module, tensors), jit_compile=True, autograph=False)
        results = run(*arguments)
        for y, spec in zip(results, module.results, strict=True):
            y.set_shape(spec.shape)
        return results


def _nan_where(lost: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """The answers ``[S, A, ...]``, with NaN for mutants that lost too many digits."""
    mask = tf.reshape(lost, [*lost.shape, *[1] * (y.shape.rank - 2)])
    return tf.where(mask, tf.constant(float("nan"), y.dtype), y)
