"""Artifacts as callables: in any process, on any machine, without the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ismc.artifacts.container import Container, read
from ismc.artifacts.record import (
    ACROSS,
    CHECK,
    CODE,
    MALFORMED,
    MODEL,
    SCORE,
    Record,
    malformed,
    program_name,
    read_record,
)
from ismc.artifacts.rows import run_by_rows
from ismc.artifacts.weights import replacement_weights
from ismc.errors import ArtifactError, InputError
from ismc.execution.module import Loaded, Module, Run, Runtime, module
from ismc.execution.shards import run_sharded
from ismc.execution.substitutions import Substitutions, kinds
from ismc.execution.tiling import Arrangement, repeat_inputs
from ismc.ir import pytree as nest
from ismc.ism.base import ISM
from ismc.ism.checking import Checks
from ismc.ism.checking.tolerance import exceeds
from ismc.scores import Score, parsed

Array = np.ndarray

RUNTIMES = ("tensorflow", "jax")


@dataclass(repr=False, kw_only=True)
class LoadedISM(ISM):
    """In-silico mutagenesis of a model that is not there: its programs and weights alone.

    Calls are those of `CompiledISM`. Every program is held against the answers that the artifact
    carries when it is first used, on the runtime and device at hand.

    Attributes:
        path: where it was loaded from.
        record: what the artifact says of itself.
        modules: the programs by name.
        own: the artifact's weights, in the order of the programs' arguments.
        arrays: those that calls take, if others.
        check: the input of the check, and its answers.
        where: the runtime.
        store: the cache that XLA's executables are kept in, if there is one.
    """

    path: str
    record: Record
    modules: Mapping[str, Module]
    own: Sequence[Array]
    arrays: Sequence[Array]
    check: Mapping[str, Array]
    where: Any
    store: Any = None

    @property
    def runtime(self) -> Runtime:
        """TensorFlow or JAX."""
        return self.where

    def weights(self) -> Sequence[Any]:
        """The weights, on the device."""
        if "weights" not in self.programs:
            self.programs["weights"] = [self.runtime.put(array) for array in self.arrays]
        return self.programs["weights"]

    def with_weights(self, weights: Any) -> LoadedISM:
        """The same programs with other weights.

        Args:
            weights: a Keras model of the same architecture, arrays by ``layer/weight``, or the
                path of an artifact, of safetensors, or of a model that Keras has saved.

        Raises:
            ArtifactError: when names or shapes are others; they are listed.
        """
        found = replacement_weights(self.record.weights, self.own, weights, self.path)
        kept = {key: value for key, value in self.programs.items() if key != "weights"}
        checks = Checks(self.checks.mode)
        return replace(self, arrays=found, programs=kept, checks=checks)

    def export_saved_model(self, path: str | Path) -> None:
        """Writes a SavedModel; see `CompiledISM.export_saved_model`."""
        from ismc.ism.saved_model import export

        export(self, self.modules, path)

    def verify(self) -> None:
        """Runs the first program on the input of the check; others are when they are first used.

        Raises:
            ArtifactError: when it answers otherwise than where the artifact was made.
        """
        self._loaded(kinds(self.plan)[0], 1)

    def inputs(self, x: Any) -> dict[str, Array]:
        """The inputs of a call by name, checked.

        Raises:
            ArtifactError: when the artifact is for sequences of another length.
            InputError: when an input does not fit otherwise.
        """
        try:
            return super().inputs(x)
        except InputError as error:
            length, channels = self.input_shape
            shapes = [np.shape(leaf) for leaf in nest.leaves(x) if np.ndim(leaf) == 3]
            if other := {s[1] for s in shapes if s[2] == channels} - {length}:
                raise ArtifactError(
                    f"{self.path} is for sequences of length {length}, found {min(other)}.",
                    hint=f"Compile the model for that length, or cut or pad to {length}.",
                ) from error
            raise

    def shapes(self) -> Sequence[Sequence[int]]:
        """The shapes of what is returned for one mutant."""
        return self.record.shapes

    @property
    def score_name(self) -> str:
        """The score, spelled in full; nothing where answers are the model's own outputs."""
        return self.record.score

    @property
    def score(self) -> Score | None:
        """The score, if it is known here by its name."""
        with suppress(InputError):
            return parsed(self.score_name) if self.score_name else None

    @property
    def compares_letters(self) -> bool:
        """Whether the score has a part across the letters of a site."""
        return f"{ACROSS}-0" in self.modules

    def _loaded(self, letters: Substitutions, batch: int) -> Loaded:
        known = (letters.count, letters.alternatives_only, batch) in self.programs
        found = super()._loaded(letters, batch)
        if not known:
            try:
                self._verify(letters, batch, found)
            except BaseException:
                del self.programs[letters.count, letters.alternatives_only, batch]
                raise
        return found

    def _verify(self, letters: Substitutions, batch: int, found: Loaded) -> None:
        """Runs some tiles of a program on the input of the check."""
        sites, kind = list(self.record.checked), "saturate" if letters.saturates else "write"
        if not letters.saturates:
            letters = Substitutions(np.zeros_like(letters.rotation), np.zeros_like(letters.block))
        given = [*self._given(self._checked(batch), letters), *self._own()]
        ys = [np.asarray(y)[0, sites] for y in run_sharded(self.runtime, found, given, sites=sites)]
        lost = ys.pop() > 0 if self.plan.guard else False
        for i, y in enumerate(ys):  # the model computes lost ones, and is compared by itself
            y[lost] = self.check[f"{kind}.{i}"][lost]
            self._compare(f"{kind}.{i}", y, program_name(letters, batch))

    def _checked(self, batch: int) -> dict[str, Array]:
        """The input of the check, for so many sequences, in the order of the plan's inputs."""
        return repeat_inputs({name: self.check[name] for name, _ in self.plan.inputs}, batch)

    def _own(self) -> Sequence[Any]:
        return self.weights() if self.arrays is self.own else [*map(self.runtime.put, self.own)]

    def _compare(self, key: str, got: Array, program: str) -> None:
        want = self.check[key]
        error = self.measured.error or 0.0
        worst = exceeds(got, want, error * float(np.ptp(want)) * 1e5 if want.size else 0.0)
        if worst is not None:
            raise ArtifactError(
                f"{self.path} is wrong on {self.runtime}: the program {program!r} gives "
                f"{got[worst]:.6g} where {want[worst]:.6g} was computed when it was made.",
                hint="Use another version of the runtime, or the other one: runtime='tensorflow' "
                "or 'jax'.",
            )

    def _load(self, letters: Substitutions, batch: int, arrangement: Arrangement) -> Run:
        del arrangement
        return self._run(program_name(letters, batch), counted=True)

    def _model(self, batch: int) -> Run:
        run = self._run(f"{MODEL}-{batch}", counted=False)
        inputs = map(self.runtime.put, self._checked(batch).values())
        for i, y in enumerate(run([*inputs, *self._own()])):
            self._compare(f"{MODEL}.{i}", np.asarray(y)[0], f"{MODEL}-{batch}")
        return run

    def scored(self, reference: list[Array], mutant: list[Array]) -> list[Array]:
        """What is returned of the outputs of mutants ``[n, *output]``."""
        if f"{SCORE}-0" not in self.modules:
            return mutant
        pairs = zip(reference, mutant, strict=True)
        return [self._by_rows(f"{SCORE}-{i}", *pair) for i, pair in enumerate(pairs)]

    def compared(self, scores: list[Array], present: Array) -> list[Array]:
        """The part of the score across letters, of scores ``[B, S, C, ...]``."""
        rows = present.reshape(-1, 1, present.shape[-1])
        flat = [y.reshape(len(rows), 1, *y.shape[2:]) for y in scores]
        found = [self._by_rows(f"{ACROSS}-{i}", y, rows) for i, y in enumerate(flat)]
        return [y.reshape(like.shape) for y, like in zip(found, scores, strict=True)]

    def _by_rows(self, name: str, *arrays: Array) -> Array:
        """A program that is no call by itself, such as the score, row by row."""
        if name not in self.programs:
            self.programs[name] = self._run(name, counted=False)
        return run_by_rows(self.programs[name], self.runtime.put, *arrays)

    def _run(self, name: str, counted: bool) -> Run:
        made = self.modules[name]
        if self.store is None:
            return self.runtime.load(made)
        from ismc.artifacts.cache.cached import CachedProgram, module_key

        kind = {"model": self.plan.model, "plan": self.plan.digest, "program": name}
        return CachedProgram(
            runtime=self.runtime,
            module=made,
            store=self.store,
            key=module_key(made.digest),
            manifest={**kind, "versions": dict(self.record.versions)},
            texts=lambda: {"plan.txt": self.explain()},
            counted=counted,
        )


def load(
    path: str | Path, *, runtime: str = "tensorflow", weights: Any = None, cache: Any = None
) -> LoadedISM:
    """Loads an artifact that `CompiledISM.save` wrote, without Keras and without the model's code.

    One program is run on the input of the check before anything is returned, others when they are
    first used.

    Args:
        path: the file.
        runtime: ``"tensorflow"``, or ``"jax"``, which needs no TensorFlow.
        weights: others than those in the file; see `LoadedISM.with_weights`.
        cache: a folder that executables are kept in, ``False`` for none; as for `ismc.compile`.

    Raises:
        ArtifactError: when the file is damaged, foreign or newer; when the weights do not fit; or
            when the runtime at hand answers otherwise than the file says.
    """
    if runtime not in RUNTIMES:
        raise ArtifactError(f"runtime is {runtime!r}, expected one of {', '.join(RUNTIMES)}.")
    found = _decoded(read(Path(path)), str(path))
    if runtime == "jax":
        from ismc.execution.on_jax import Jax

        found.where = Jax()
    else:
        from ismc.artifacts.cache.cached import open_cache
        from ismc.execution.on_tensorflow import TensorFlow

        found.where, found.store = TensorFlow(), open_cache(cache)
    found.verify()
    return found if weights is None else found.with_weights(weights)


def _decoded(found: Container, path: str) -> LoadedISM:
    """The callable of an artifact, without a runtime yet."""
    said = read_record(found.manifest, path)
    try:
        modules = {
            name: module(found.blobs[f"{name}{CODE}"], data, _constants(found, name))
            for name, data in said.programs.items()
        }
        own = said.weight_arrays(found)
        check = {
            name.removeprefix(CHECK): value
            for name, value in found.arrays.items()
            if name.startswith(CHECK)
        }
        return LoadedISM(
            plan=said.restored(),
            source=found.texts["program.py"],
            signature=said.signature,
            names=said.names,
            structure=said.structure,
            chosen=said.chosen,
            labels=said.labels,
            measured=said.measured,
            tile=said.tile,
            threads=said.threads,
            path=path,
            record=said,
            modules=modules,
            own=own,
            arrays=own,
            check=check,
            where=None,
        )
    except MALFORMED as error:
        raise malformed(path, error) from error


def _constants(found: Container, program: str) -> list[Array]:
    """The constants of one program, ``NAME.0`` and so on."""
    count = sum(name.startswith(f"{program}.") for name in found.arrays)
    return [found.arrays[f"{program}.{i}"] for i in range(count)]
