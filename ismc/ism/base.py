"""`ScanProgram`: the programs of one model, for any runtime and source of weights."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import cycle
from typing import Any, ClassVar

import numpy as np

from ismc.execution.inputs import named_inputs, replacement
from ismc.execution.module import Loaded, Run, Runtime
from ismc.execution.mutants import scan_mutants
from ismc.execution.results import Results
from ismc.execution.shards import run_sharded
from ismc.execution.signature import (
    BLOCK,
    INPUT,
    ROTATION,
    Name,
    ProgramSignature,
    Spec,
    model_signature,
    scan_signature,
)
from ismc.execution.substitutions import Substitutions, every_block, every_letter, one_block
from ismc.execution.tiling import Arrangement, arrange, batches, repeat_inputs, tables_of
from ismc.ism.checking import Checks
from ismc.ism.recompute import recompute_lost
from ismc.plan.explain import table, timing
from ismc.plan.plan import UNMEASURED, Measured, Signature
from ismc.scores.letters import needs_every_letter, present

Array = np.ndarray
Inputs = Mapping[str, Array]

BATCHES = (1, 16)  # sequences in one call of the model itself
Sites = Sequence[int] | None


@dataclass(repr=False, kw_only=True)
class ScanProgram(Results):
    """The programs of one model, called with inputs by name, and their flat results.

    Users call an `ismc.ism.calls.ISM`. Shapes: ``B`` sequences, ``S`` sites, ``C`` channels.

    Attributes:
        source: the source text of the generated program.
        signature: the names and shapes of the inputs of a call.
        names: the input names, nested as the model takes its inputs.
        measured: the timings of `autotune`; the naive program runs if it is faster.
        devices: names of the devices that sequences are distributed over, if there are several.
        tile: sites per tile, or 0 for the plan's choice.
        threads: the maximum number of parts of the sites that run in parallel.
        checks: whether and how `predict` and runs check answers, and the results of `predict`.
        programs: the programs that are ready to run, by kind of call and number of sequences.
        tensors: arguments that all calls share, on the runtime.
        tally: the number of mutants that the model recomputed because a difference lost digits.
    """

    has_fixed_tiles: ClassVar[bool] = False

    source: str
    signature: Signature
    names: Any
    measured: Measured = UNMEASURED
    devices: tuple[str, ...] = ()
    tile: int = 0
    threads: int = 1
    checks: Checks = field(default_factory=Checks)
    programs: dict[Any, Loaded] = field(default_factory=dict)
    tensors: dict[Any, Any] = field(default_factory=dict)
    tally: Counter[str] = field(default_factory=Counter)

    @property
    def first(self) -> ScanProgram:
        """This program; of an average, the first one."""
        return self

    @property
    def scans(self) -> tuple[ScanProgram, ...]:
        """This program; of an average, those of all members."""
        return (self,)

    @property
    def members(self) -> tuple[()]:
        """None, unlike an average."""
        return ()

    def with_programs(self, change: Callable[[Any], Any]) -> Any:
        """``change`` of this program, as of each program of an average."""
        return change(self)

    def saturated(self, inputs: Inputs, sites: Sites = None) -> list[Any]:
        """The answers for every letter, ``[B, S, C, *output]`` of each output.

        With ``sites``, only the answers at the sites with these indices are valid.
        """
        return self.substituted(inputs, every_letter(inputs, self.plan), sites)

    def inputs(self, x: Any) -> dict[str, Array]:
        """The checked inputs by name, float32; see `ismc.execution.inputs.named_inputs`."""
        return named_inputs(x, self.names, self.signature)

    def explain(self) -> str:
        """The plan, a line per layer: role, form, strategy, width, operations versus naive."""
        return table(self.plan) + timing(self.measured)

    @property
    def sites(self) -> tuple[tuple[int, int], ...]:
        """The mutated ranges ``(start, stop)``, half-open."""
        return self.plan.sites

    @property
    def input_shape(self) -> tuple[int, int]:
        """``(L, C)`` of the sequence."""
        return self.plan.sequence_shape

    def at_sites(self, inputs: Inputs, letters: Substitutions, sites: Sequence[int]) -> list[Array]:
        """The answers at the sites with these indices: ``[B, len(sites), A or C, *output]``.

        The program for all sites runs, but only the tiles that contain these sites.
        """
        return [np.asarray(y)[:, list(sites)] for y in self.substituted(inputs, letters, sites)]

    def substitution(self, replace_with: Any) -> Substitutions:
        """The same block at every site.

        Raises:
            InputError: when the block does not fit the model, or the score compares letters.
        """
        if self.compares_letters:
            raise needs_every_letter(self.score_name)
        return one_block(replacement(replace_with, self.plan.signature))

    def substituted(self, inputs: Inputs, letters: Substitutions, sites: Sites = None) -> list[Any]:
        """Every mutant of every sequence, one ``[B, S, A or C, *output]`` per output.

        The model itself computes sequences with NaN or infinity, and mutants that lost too many
        digits. With ``sites``, only the answers at the sites with these indices are valid.
        """
        count = len(inputs[self.plan.sequence])
        if not count:
            return self._empty(letters)
        if self.measured.naive_is_faster:
            return self._naive(inputs, letters)
        each = [np.isfinite(value).reshape(count, -1).all(1) for value in inputs.values()]
        finite = np.all(each, 0)
        if finite.all():
            return self._compute(inputs, letters, sites)
        order = np.argsort(np.concatenate([np.flatnonzero(finite), np.flatnonzero(~finite)]))
        parts = []
        if finite.any():
            finite_inputs = {k: v[finite] for k, v in inputs.items()}
            parts.append(self._compute(finite_inputs, letters, sites))
        parts.append(self._naive({k: v[~finite] for k, v in inputs.items()}, letters))
        joined = (self.runtime.concat(ys) for ys in zip(*parts, strict=True))
        return [self.runtime.take(y, order) for y in joined]

    def _compute(self, inputs: Inputs, letters: Substitutions, sites: Sites = None) -> list[Any]:
        """Runs the program, and the model for mutants that lost digits."""
        ys = self._run_all(inputs, letters, sites)
        return recompute_lost(self, ys, inputs, letters, sites) if self.plan.guard else ys

    def _run_all(self, inputs: Inputs, letters: Substitutions, sites: Sites = None) -> list[Any]:
        """Runs the program in batches of the sizes that it is compiled for."""
        count = len(inputs[self.plan.sequence])
        parts = []
        calls = batches(self.plan, count, letters.count, max(1, len(self.devices)))
        for device, (begin, size, batch) in zip(cycle(self.devices or [""]), calls, strict=False):
            chunk = repeat_inputs({k: v[begin : begin + size] for k, v in inputs.items()}, batch)
            ys = self._call(chunk, letters, batch, device, sites)
            parts.append([y[:size] for y in ys] if size < batch else ys)
        return [self.runtime.concat(ys) for ys in zip(*parts, strict=True)]

    def _call(
        self, x: Inputs, letters: Substitutions, batch: int, device: str = "", sites: Sites = None
    ) -> list[Any]:
        """Runs one program once; with ``sites``, only the tiles that contain them."""
        with self.runtime.on(device):
            program = self._program_for(letters, batch)
            weights = self.weights() if device else self.sources()  # variables are on one device
            arguments = self.arguments(x, letters, weights)
        return run_sharded(self.runtime, program, arguments, device, sites)

    def arguments(
        self, inputs: Inputs, letters: Substitutions, weights: Sequence[Any]
    ) -> dict[Name, Any]:
        """The arguments that all parts of a call share, by name."""
        put, key = self.runtime.put, ("letters", letters.alternatives_only)
        tensors = self.tensors.get(key) if letters.saturates else None
        if tensors is None:
            tensors = {ROTATION: put(letters.rotation), BLOCK: put(letters.block)}
        if letters.saturates:  # a block is different in each call
            self.tensors[key] = tensors
        return {**self._shared(inputs, weights), **tensors}

    def _shared(self, inputs: Inputs, weights: Sequence[Any]) -> dict[Name, Any]:
        """The inputs and weights by name, which every program takes."""
        put = self.runtime.put
        named: dict[Name, Any] = {(INPUT, name): put(inputs[name]) for name, _ in self.plan.inputs}
        named.update(zip(self.weight_specs, weights, strict=True))
        return named

    def _program_for(self, letters: Substitutions, batch: int) -> Loaded:
        """The loaded program for these substitutions and a number of sequences."""
        key = (letters.count, letters.alternatives_only, batch)
        if key not in self.programs:
            tiling = self.arranged(letters, batch)
            signature, put = self.signature_of(letters, batch, tiling), self.runtime.put
            tables = [{n: put(v) for n, v in table.items()} for table in tables_of(tiling)]
            run = self._load(letters, batch, tiling)
            self.programs[key] = Loaded(run, signature, tables, tiling)
        return self.programs[key]

    def signature_of(
        self, letters: Substitutions, batch: int, tiling: Arrangement
    ) -> ProgramSignature:
        """The arguments of the program for these substitutions and a number of sequences."""
        weights, tables = self.weight_specs.items(), tables_of(tiling)[0]
        return scan_signature(self.plan, weights, batch, letters, tables)

    def signature_of_model(self, batch: int) -> ProgramSignature:
        """The arguments of the program that computes the model's outputs."""
        return model_signature(self.plan, self.weight_specs.items(), batch)

    def arranged(self, letters: Substitutions, batch: int) -> Arrangement:
        """The parts and tiles of a call with these substitutions and a number of sequences."""
        return arrange(self.plan, letters.count, batch, self.tile, self.threads)

    def evaluate_reference(self, inputs: Inputs) -> list[Any]:
        """The model's outputs for the sequences, ``[B, *output]`` each."""
        count = len(inputs[self.plan.sequence])
        if not count:
            return [self.runtime.zeros([0, *shape]) for _, shape in self.plan.outputs]
        parts = [
            self._model_outputs({k: v[i : i + BATCHES[-1]] for k, v in inputs.items()})
            for i in range(0, count, BATCHES[-1])
        ]
        return [self.runtime.concat(ys) for ys in zip(*parts, strict=True)]

    def _model_outputs(self, inputs: Inputs) -> list[Any]:
        """The model's outputs for the sequences of one call, at most ``BATCHES[-1]``."""
        count = len(inputs[self.plan.sequence])
        batch = next(size for size in BATCHES if size >= count)
        key = ("model", batch)
        if key not in self.programs:
            self.programs[key] = Loaded(self._model(batch), self.signature_of_model(batch))
        program = self.programs[key]
        named = self._shared(repeat_inputs(inputs, batch), self.sources())
        return [y[:count] for y in program.run(program.signature.pack(named))]

    def _naive(self, inputs: Inputs, letters: Substitutions) -> list[Any]:
        """The answers of `substituted`, computed by the model on every mutant."""
        blocks = every_block(self.plan) if letters.saturates else letters.block
        scores = scan_mutants(
            inputs, self.plan.sequence, self.plan.sites, blocks, BATCHES[-1],
            lambda batch: [np.asarray(y) for y in self._model_outputs(batch)], self.scored,
        )  # fmt: skip
        if letters.saturates and self.compares_letters:
            scores = self.compared(scores, present(inputs[self.plan.sequence], self.plan.sites))
        return [self.runtime.put(y) for y in scores]

    def _empty(self, letters: Substitutions) -> list[Any]:
        width = self.plan.sequence_shape[1] if letters.saturates else letters.count
        sites = len(self.plan.sites)
        return [self.runtime.zeros([0, sites, width, *shape]) for shape in self.shapes()]

    @property
    @abstractmethod
    def runtime(self) -> Runtime:
        """The runtime of the programs: TensorFlow or JAX."""

    @cached_property
    def weight_specs(self) -> Mapping[Name, Spec]:
        """The shape and dtype of each weight by name, in the order of `weights`."""
        raise NotImplementedError

    @property
    @abstractmethod
    def versions(self) -> Mapping[str, str]:
        """The versions of ismc, TensorFlow and Keras that made the programs."""

    @cached_property
    def identity(self) -> str:
        """SHA-256 of what layers and score compute, without weights."""
        raise NotImplementedError

    @abstractmethod
    def weights(self) -> Sequence[Any]:
        """The current weights, in the order of `weight_specs`."""

    def sources(self) -> Sequence[Any]:
        """The weights, or the variables from which programs read them."""
        return self.weights()

    @abstractmethod
    def _load(self, letters: Substitutions, batch: int, arrangement: Arrangement) -> Run:
        """The program for these substitutions and a number of sequences."""

    @abstractmethod
    def _model(self, batch: int) -> Run:
        """The program that computes the model's outputs for a number of sequences."""

    @abstractmethod
    def scored(self, reference: list[Array], mutant: list[Array]) -> list[Array]:
        """The scores of mutants, from outputs ``[n, *output]``; the outputs without a score."""

    @property
    @abstractmethod
    def compares_letters(self) -> bool:
        """Whether the score has a part across the letters of a site; see `ismc.scores.Score`."""

    @abstractmethod
    def compared(self, scores: list[Array], present: Array) -> list[Array]:
        """Applies that part to the scores of all letters ``[B, S, C, ...]``."""
