"""`ISM`: the calls that every compiled form shares, for any runtime and source of weights."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import numpy as np

from ismc.execution.inputs import named_inputs, replacement
from ismc.execution.module import Loaded, Run, Runtime
from ismc.execution.mutants import scan_mutants
from ismc.execution.results import Results
from ismc.execution.shards import run_sharded
from ismc.execution.substitutions import Substitutions, every_block, every_letter, one_block
from ismc.execution.tiling import Arrangement, arrange, batches, repeat_inputs, tables_of
from ismc.ism.checking import Checks, predicted
from ismc.ism.checking.statistics import Mode
from ismc.ism.recompute import recompute_lost
from ismc.plan.explain import table, timing
from ismc.plan.plan import UNMEASURED, Measured, Signature
from ismc.scores.letters import needs_every_letter, present

Array = np.ndarray
Inputs = Mapping[str, Array]

BATCHES = (1, 16)  # sequences in one call of the model itself
Sites = Sequence[int] | None


@dataclass(repr=False, kw_only=True)
class ISM(Results):
    """The base of all compiled forms: in-silico mutagenesis of one model.

    Shapes: ``B`` sequences, ``S`` sites, ``C`` channels.

    Attributes:
        source: the source text of the generated program.
        signature: the names and shapes of the inputs of a call.
        names: the input names, nested as the model takes its inputs.
        measured: the timings of `autotune`; the naive program runs if it is faster.
        devices: names of the devices that sequences are distributed over, if there are several.
        tile: sites per tile, or 0 for the plan's choice.
        threads: the maximum number of parts of the sites that run in parallel.
        checks: whether and how `predict` and runs check answers, and the results of `predict`.
        tally: the number of mutants that the model recomputed because a difference lost digits.
    """

    source: str
    signature: Signature
    names: Any
    measured: Measured = UNMEASURED
    devices: tuple[str, ...] = ()
    tile: int = 0
    threads: int = 1
    checks: Checks = field(default_factory=Checks)
    programs: dict[Any, Any] = field(default_factory=dict)
    tally: Counter[str] = field(default_factory=Counter)

    def __repr__(self) -> str:
        length, channels = self.input_shape
        score = f", score {self.score_name!r}" if self.score_name else ""
        return (
            f"<{type(self).__name__} of {self.plan.model!r}: [{length}, {channels}], "
            f"{len(self.sites)} sites, outputs {self.output_names}{score}, plan {self.plan.digest}>"
        )

    def __call__(self, x: Any, replace_with: Any = 0) -> Any:
        """Writes ``replace_with`` at each site.

        Args:
            x: sequences ``[B, L, C]``, or a list or dict of all inputs as the model takes them.
            replace_with: a number, a letter ``[C]``, or a block ``[width, C]``.

        Returns:
            ``[B, S, *output]``, nested like the model's outputs.

        Raises:
            InputError: when an argument does not fit the model, or the score compares letters.
        """
        letters = self._substitution(replace_with)
        return self.nested_results([y[:, :, 0] for y in self._mutants(self.inputs(x), letters)])

    def saturate(self, x: Any) -> Any:
        """Writes every letter at each site: ``[B, S, C, *output]``.

        The reference letter gives the reference output. A site costs ``C - 1`` mutants in one-hot
        sequences and ``C`` in others.

        Raises:
            InputError: when an input does not fit the model.
        """
        return self.nested_results(self.saturated(self.inputs(x)))

    def saturated(self, inputs: Inputs, sites: Sites = None) -> list[Any]:
        """`saturate` of inputs by name, flat; only the ``sites`` with these indices are valid."""
        return self._mutants(inputs, every_letter(inputs, self.plan), sites)

    def reference(self, x: Any) -> Any:
        """The model's outputs for the sequences: ``[B, *output]``; raises as a call."""
        return self.nested_results(self.evaluate_reference(self.inputs(x)))

    def predict(
        self,
        x: Any,
        replace_with: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        check: Mode = None,
    ) -> Any:
        """`saturate` or a call in NumPy, in batches, with a progress bar and a check.

        Args:
            x: as for a call.
            replace_with: as for a call; ``None`` for saturation.
            batch_size: sequences per batch; by default at most 32, and 64 MiB of results.
            verbose: 0 for no bar, 1 for a bar, ``"auto"`` for a bar on a terminal.
            check: as for `ismc.compile`; by default the value given there.

        Raises:
            InputError: as a call.
            VerificationError: when the model has another answer for a mutant of the check.
        """
        inputs = self.inputs(x)
        block = None if replace_with is None else self._substitution(replace_with)
        results = predicted(
            self, self.plan, inputs,
            self.saturated if block is None else lambda batch: self._mutants(batch, block),
            None if block is None else block.block,
            batch_size=batch_size, verbose=verbose, check=check,
        )  # fmt: skip
        if block is not None:
            results = [y[:, :, 0] for y in results]
        return self.nested_results(results)

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
        return [np.asarray(y)[:, list(sites)] for y in self._mutants(inputs, letters, sites)]

    def _substitution(self, replace_with: Any) -> Substitutions:
        """The same block at every site."""
        if self.compares_letters:
            raise needs_every_letter(self.score_name)
        return one_block(replacement(replace_with, self.plan.signature))

    def _mutants(self, inputs: Inputs, letters: Substitutions, sites: Sites = None) -> list[Any]:
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
            arguments = [*self._input_tensors(x, letters), *weights]
        return run_sharded(self.runtime, program, arguments, device, sites)

    def arguments(self, inputs: Inputs, letters: Substitutions, tiling: Arrangement) -> list[Any]:
        """The arguments of a program for all tiles of the first part of an arrangement."""
        tables = map(self.runtime.put, tables_of(tiling)[0])
        return [*self._input_tensors(inputs, letters), *self.weights(), *tables]

    def _input_tensors(self, inputs: Inputs, letters: Substitutions) -> list[Any]:
        put = self.runtime.put
        context = [put(inputs[name]) for name, _ in self.plan.inputs if name != self.plan.sequence]
        key = ("letters", letters.alternatives_only)
        tensors = self.programs.get(key) if letters.saturates else None
        if tensors is None:
            tensors = put(letters.rotation), put(letters.block)
        if letters.saturates:  # a block is different in each call
            self.programs[key] = tensors
        return [put(inputs[self.plan.sequence]), *context, *tensors]

    def _program_for(self, letters: Substitutions, batch: int) -> Loaded:
        """The loaded program for these substitutions and a number of sequences."""
        key = (letters.count, letters.alternatives_only, batch)
        if key not in self.programs:
            tiling = self.arranged(letters, batch)
            tables = [[*map(self.runtime.put, table)] for table in tables_of(tiling)]
            self.programs[key] = Loaded(self._load(letters, batch, tiling), tables, tiling)
        return self.programs[key]

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
            self.programs[key] = self._model(batch)
        padded = repeat_inputs(inputs, batch)
        tensors = [self.runtime.put(padded[name]) for name, _ in self.plan.inputs]
        return [y[:count] for y in self.programs[key]([*tensors, *self.sources()])]

    def _naive(self, inputs: Inputs, letters: Substitutions) -> list[Any]:
        """The answers of `_mutants`, computed by the model on every mutant."""
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

    @abstractmethod
    def weights(self) -> Sequence[Any]:
        """The current weights, in the order of the programs' arguments."""

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
