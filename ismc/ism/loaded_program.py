"""`LoadedProgram`, the programs of an artifact: in any process and machine, without the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest
from typing import Any, ClassVar

import numpy as np

from ismc.artifacts.container import Container
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
from ismc.execution.signature import UNNAMED, WEIGHT, Name, ProgramSignature, Spec
from ismc.execution.substitutions import Substitutions, kinds
from ismc.execution.tiling import Arrangement, repeat_inputs
from ismc.ir import pytree as nest
from ismc.ism.base import ScanProgram
from ismc.ism.checking import Checks
from ismc.ism.checking.tolerance import exceeds
from ismc.scores import Score, parsed

Array = np.ndarray


@dataclass(repr=False, kw_only=True)
class LoadedProgram(ScanProgram):
    """The programs and weights of an artifact, without the model.

    At its first use, each program is compared with the answers in the artifact, on the current
    runtime and device.

    Attributes:
        path: the file it was loaded from.
        record: the artifact's metadata.
        modules: the programs by name.
        own: the artifact's weights, in the order of the programs' arguments.
        arrays: the weights that calls use: ``own``, or the weights that replace them.
        check: the input of the check and its expected answers.
        where: the runtime.
        store: the cache of XLA's executables, if there is one.
    """

    has_fixed_tiles: ClassVar[bool] = True

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
        """The runtime of the programs: TensorFlow or JAX."""
        return self.where

    def weights(self) -> Sequence[Any]:
        """The weights that calls use, on the device."""
        if "weights" not in self.tensors:
            self.tensors["weights"] = [self.runtime.put(array) for array in self.arrays]
        return self.tensors["weights"]

    @cached_property
    def weight_specs(self) -> dict[Name, Spec]:
        """The shape and dtype of each weight by name, in the order of `weights`."""
        named = zip(self.record.weights, self.own, strict=True)
        return {(WEIGHT, *name): Spec(w.shape, w.dtype.name) for name, w in named}

    @property
    def versions(self) -> Mapping[str, str]:
        """The versions that made the programs."""
        return self.record.versions

    @cached_property
    def identity(self) -> str:
        """SHA-256 of what layers and score compute, without weights."""
        return self.record.identity

    def with_weights(self, weights: Any) -> LoadedProgram:
        """A copy with other weights and the same programs; see `LoadedISM.with_weights`."""
        new_weights = replacement_weights(self.record.weights, self.own, weights, self.path)
        checks, programs = Checks(self.checks.mode), dict(self.programs)
        return replace(self, arrays=new_weights, programs=programs, tensors={}, checks=checks)

    def verify(self) -> None:
        """Checks the first program; the others are checked at their first use.

        Raises:
            ArtifactError: when its answers differ from those in the artifact.
        """
        self._program_for(kinds(self.plan)[0], 1)

    def inputs(self, x: Any) -> dict[str, Array]:
        """The checked inputs of a call by name.

        Raises:
            ArtifactError: when the artifact is for sequences of another length.
            InputError: when an input does not fit the model for another reason.
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
        """The shape of each output of a call for one mutant."""
        return self.record.shapes

    @property
    def score_name(self) -> str:
        """The full name of the score; empty if results are the model's outputs."""
        return self.record.score

    @property
    def score(self) -> Score | None:
        """The score, if its name is one of `ismc.scores`; otherwise ``None``."""
        with suppress(InputError):
            return parsed(self.score_name) if self.score_name else None

    @property
    def compares_letters(self) -> bool:
        """Whether the score has a part across the letters of a site."""
        return f"{ACROSS}-0" in self.modules

    def _program_for(self, letters: Substitutions, batch: int) -> Loaded:
        known = (letters.count, letters.alternatives_only, batch) in self.programs
        program = super()._program_for(letters, batch)
        if not known:
            try:
                self._verify(letters, batch, program)
            except BaseException:
                del self.programs[letters.count, letters.alternatives_only, batch]
                raise
        return program

    def _verify(self, letters: Substitutions, batch: int, run: Loaded) -> None:
        """Compares a program with the artifact's answers, at a few sites."""
        sites, kind = list(self.record.checked), "saturate" if letters.saturates else "write"
        if not letters.saturates:
            letters = Substitutions(np.zeros_like(letters.rotation), np.zeros_like(letters.block))
        named = self.arguments(self._check_inputs(batch), letters, self._own_weights())
        ys = [np.asarray(y)[0, sites] for y in run_sharded(self.runtime, run, named, sites=sites)]
        lost = ys.pop() > 0 if self.plan.guard else False
        for i, y in enumerate(ys):  # the model recomputes lost ones; it has its own check
            y[lost] = self.check[f"{kind}.{i}"][lost]
            self._compare(f"{kind}.{i}", y, program_name(letters, batch))

    def _check_inputs(self, batch: int) -> dict[str, Array]:
        """The input of the check, repeated for a batch, in the order of the plan's inputs."""
        return repeat_inputs({name: self.check[name] for name, _ in self.plan.inputs}, batch)

    def _own_weights(self) -> Sequence[Any]:
        return self.weights() if self.arrays is self.own else [*map(self.runtime.put, self.own)]

    def _compare(self, key: str, got: Array, program: str) -> None:
        want = self.check[key]
        error = self.measured.error or 0.0
        worst = exceeds(got, want, error * float(np.ptp(want)) * 1e5 if want.size else 0.0)
        if worst is not None:
            raise ArtifactError(
                f"{self.path} is wrong on {self.runtime}: the program {program!r} gives "
                f"{got[worst]:.6g}, expected {want[worst]:.6g} as when the artifact was saved.",
                hint="Use another version of the runtime, or the other runtime: "
                "runtime='tensorflow' or 'jax'.",
            )

    def _load(self, letters: Substitutions, batch: int, arrangement: Arrangement) -> Run:
        signature = self.signature_of(letters, batch, arrangement)
        return self._run(program_name(letters, batch), signature)

    def _model(self, batch: int) -> Run:
        signature = self.signature_of_model(batch)
        run = self._run(f"{MODEL}-{batch}", signature)
        named = self._shared(self._check_inputs(batch), self._own_weights())
        for i, y in enumerate(run(signature.pack(named))):
            self._compare(f"{MODEL}.{i}", np.asarray(y)[0], f"{MODEL}-{batch}")
        return run

    def scored(self, reference: list[Array], mutant: list[Array]) -> list[Array]:
        """The scores of mutants, from outputs ``[n, *output]``; the outputs without a score."""
        if f"{SCORE}-0" not in self.modules:
            return mutant
        pairs = zip(reference, mutant, strict=True)
        return [self._by_rows(f"{SCORE}-{i}", *pair) for i, pair in enumerate(pairs)]

    def compared(self, scores: list[Array], present: Array) -> list[Array]:
        """Applies the part of the score across letters to scores ``[B, S, C, ...]``."""
        rows = present.reshape(-1, 1, present.shape[-1])
        flat = [y.reshape(len(rows), 1, *y.shape[2:]) for y in scores]
        results = [self._by_rows(f"{ACROSS}-{i}", y, rows) for i, y in enumerate(flat)]
        return [y.reshape(like.shape) for y, like in zip(results, scores, strict=True)]

    def _by_rows(self, name: str, *arrays: Array) -> Array:
        """Runs an auxiliary program, such as the score, in blocks of rows."""
        if name not in self.programs:
            self.programs[name] = Loaded(self._run(name), UNNAMED)
        return run_by_rows(self.programs[name].run, self.runtime.put, *arrays)

    def signature_of(
        self, letters: Substitutions, batch: int, tiling: Arrangement
    ) -> ProgramSignature:
        """The arguments in the order that is stored in the artifact.

        Raises:
            ArtifactError: when they are not those that this ismc passes.
        """
        return self._stored(
            program_name(letters, batch), super().signature_of(letters, batch, tiling)
        )

    def signature_of_model(self, batch: int) -> ProgramSignature:
        """The arguments of the program that computes the model's outputs, as `signature_of`."""
        return self._stored(f"{MODEL}-{batch}", super().signature_of_model(batch))

    def _stored(self, name: str, passed: ProgramSignature) -> ProgramSignature:
        module = self.modules[name]
        names = module.names or passed.names  # older artifacts have the same order, but no names
        found = set(zip_longest(names, module.arguments))
        if found != set(passed):
            odd, *_ = sorted(map(str, found ^ set(passed)))
            raise ArtifactError(
                f"{self.path} does not fit this ismc: the program {name!r} takes other arguments "
                f"than a call passes, such as {odd}.",
                hint="Make it again with ism.save(path).",
            )
        return ProgramSignature(names, module.arguments)

    def _run(self, name: str, signature: ProgramSignature = UNNAMED) -> Run:
        program = self.modules[name]
        if self.store is None:
            return self.runtime.load(program)
        from ismc.artifacts.cache.cached import CachedProgram, module_key

        kind = {"model": self.plan.model, "plan": self.plan.digest, "program": name}
        return CachedProgram(
            runtime=self.runtime,
            module=program,
            store=self.store,
            key=module_key(program.digest),
            manifest={**kind, "versions": dict(self.record.versions)},
            texts=lambda: {"plan.txt": self.explain()},
            signature=signature,
        )


def decode_artifact(container: Container, path: str) -> LoadedProgram:
    """The program of an artifact; the caller sets its runtime.

    Raises:
        ArtifactError: when the file is something else.
    """
    record = read_record(container.manifest, path)
    try:
        modules = {
            name: module(container.blobs[f"{name}{CODE}"], data, _constants(container, name))
            for name, data in record.programs.items()
        }
        own = record.weight_arrays(container)
        check = {
            name.removeprefix(CHECK): value
            for name, value in container.arrays.items()
            if name.startswith(CHECK)
        }
        return LoadedProgram(
            plan=record.restored(),
            source=container.texts["program.py"],
            signature=record.signature,
            names=record.names,
            structure=record.structure,
            chosen=record.chosen,
            labels=record.labels,
            measured=record.measured,
            tile=record.tile,
            threads=record.threads,
            path=path,
            record=record,
            modules=modules,
            own=own,
            arrays=own,
            check=check,
            where=None,
        )
    except MALFORMED as error:
        raise malformed(path, error) from error


def _constants(container: Container, program: str) -> list[Array]:
    """The constants of one program, the arrays ``NAME.0``, ``NAME.1`` and so on."""
    count = sum(name.startswith(f"{program}.") for name in container.arrays)
    return [container.arrays[f"{program}.{i}"] for i in range(count)]
