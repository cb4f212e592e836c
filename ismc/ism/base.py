"""The calls of every compiled form, whatever holds its weights and wherever its programs run."""

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
from ismc.ism.recompute import recomputed
from ismc.plan.explain import table, timing
from ismc.plan.plan import UNMEASURED, Measured, Signature
from ismc.scores.letters import needs_every_letter, present

Array = np.ndarray
Inputs = Mapping[str, Array]

BATCHES = (1, 16)  # sequences of one call of the model itself
Sites = Sequence[int] | None


@dataclass(repr=False, kw_only=True)
class ISM(Results):
    """What is called: in-silico mutagenesis of one model.

    Shapes: ``B`` sequences, ``S`` sites, ``C`` channels.

    Attributes:
        source: the generated program.
        signature: what a call takes.
        names: the nest of input names, as the model is called.
        measured: what `autotune` measured; where the naive program is faster, it is run.
        devices: names of the devices that sequences are spread over, if there are several.
        tile: sites of one tile, or 0 for the plan's choice.
        threads: how many parts of the sites are computed side by side, at most.
        checks: whether and how `predict` and runs check answers, and what `predict` has found.
        tally: how many mutants the model itself computed so far, as differences lost their digits.
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
            x: ``[B, L, C]``, or a list or dict of inputs as the model takes them.
            replace_with: a number, a letter ``[C]``, or a block ``[width, C]``.

        Returns:
            ``[B, S, *output]``, nested like the model's outputs.

        Raises:
            InputError: when something does not fit, or the score compares letters.
        """
        letters = self._written(replace_with)
        return self.nested_results([y[:, :, 0] for y in self._all(self.inputs(x), letters)])

    def saturate(self, x: Any) -> Any:
        """Writes every letter at each site: ``[B, S, C, *output]``.

        The letter that is there gives the reference output. One-hot sequences cost ``C - 1``
        mutants per site, others ``C``.

        Raises:
            InputError: when an input does not fit.
        """
        return self.nested_results(self.saturated(self.inputs(x)))

    def saturated(self, inputs: Inputs, sites: Sites = None) -> list[Any]:
        """The same of inputs by name, flat; with ``sites``, by number, only at those."""
        return self._all(inputs, every_letter(inputs, self.plan), sites)

    def reference(self, x: Any) -> Any:
        """The model's own answer: ``[B, *output]``; raises as a call does."""
        return self.nested_results(self.evaluate_reference(self.inputs(x)))

    def predict(
        self,
        x: Any,
        replace_with: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        check: Mode = None,
    ) -> Any:
        """The same in NumPy, batch by batch, with a progress bar, a few mutants of it checked.

        Args:
            x: as for a call.
            replace_with: as for a call; ``None`` for saturation.
            batch_size: sequences of one call; by default at most 32, and 64 MiB of answers.
            verbose: 0 for no bar, 1 for a bar, ``"auto"`` for a bar on a terminal.
            check: as for `ismc.compile`; by default what it was compiled with.

        Raises:
            InputError: as a call.
            VerificationError: when a mutant that is checked has another answer of the model.
        """
        inputs = self.inputs(x)
        block = None if replace_with is None else self._written(replace_with)
        results = predicted(
            self, self.plan, inputs,
            self.saturated if block is None else lambda batch: self._all(batch, block),
            None if block is None else block.block,
            batch_size=batch_size, verbose=verbose, check=check,
        )  # fmt: skip
        if block is not None:
            results = [y[:, :, 0] for y in results]
        return self.nested_results(results)

    def inputs(self, x: Any) -> dict[str, Array]:
        """The inputs by name, checked, in float32; see `ismc.execution.inputs.named_inputs`."""
        return named_inputs(x, self.names, self.signature)

    def explain(self) -> str:
        """One line per layer: role, form, strategy, width, operations against naive."""
        return table(self.plan) + timing(self.measured)

    @property
    def sites(self) -> tuple[tuple[int, int], ...]:
        """The ranges that are mutated."""
        return self.plan.sites

    @property
    def input_shape(self) -> tuple[int, int]:
        """``(L, C)`` of the sequence."""
        return self.plan.sequence_shape

    def at_sites(self, inputs: Inputs, letters: Substitutions, sites: Sequence[int]) -> list[Array]:
        """The answers at some of the sites, by number: ``[B, len(sites), A or C, *output]``.

        It is the program for all sites that answers; only the tiles that these are in are run.
        """
        return [np.asarray(y)[:, list(sites)] for y in self._all(inputs, letters, sites)]

    def _written(self, replace_with: Any) -> Substitutions:
        """One block at every site."""
        if self.compares_letters:
            raise needs_every_letter(self.score_name)
        return one_block(replacement(replace_with, self.plan.signature))

    def _all(self, inputs: Inputs, letters: Substitutions, sites: Sites = None) -> list[Any]:
        """Every mutant of every sequence, one ``[B, S, A or C, *output]`` per output.

        Sequences with NaN or infinity, and mutants that lost too many digits, go to the model
        itself. Where ``sites`` are given, by number, the answers of others may be anything.
        """
        count = len(inputs[self.plan.sequence])
        if not count:
            return self._empty(letters)
        if self.measured.naive_is_faster:
            return self._naive(inputs, letters)
        each = [np.isfinite(value).reshape(count, -1).all(1) for value in inputs.values()]
        finite = np.all(each, 0)
        if finite.all():
            return self._chunks(inputs, letters, sites)
        order = np.argsort(np.concatenate([np.flatnonzero(finite), np.flatnonzero(~finite)]))
        parts = []
        if finite.any():
            some = {k: v[finite] for k, v in inputs.items()}
            parts.append(self._chunks(some, letters, sites))
        parts.append(self._naive({k: v[~finite] for k, v in inputs.items()}, letters))
        found = (self.runtime.concat(ys) for ys in zip(*parts, strict=True))
        return [self.runtime.take(y, order) for y in found]

    def _chunks(self, inputs: Inputs, letters: Substitutions, sites: Sites = None) -> list[Any]:
        """Calls of the program, and of the model for mutants that lost digits."""
        ys = self._answered(inputs, letters, sites)
        return recomputed(self, ys, inputs, letters, sites) if self.plan.guard else ys

    def _answered(self, inputs: Inputs, letters: Substitutions, sites: Sites = None) -> list[Any]:
        """Calls of the program for as many sequences as it is compiled for."""
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
        """One call of one program; with ``sites``, of the tiles that these are in."""
        with self.runtime.on(device):
            found = self._loaded(letters, batch)
            weights = self.weights() if device else self.sources()  # variables are on one device
            given = [*self._given(x, letters), *weights]
        return run_sharded(self.runtime, found, given, device, sites)

    def arguments(self, inputs: Inputs, letters: Substitutions, found: Arrangement) -> list[Any]:
        """The arguments of a program of that arrangement, all tiles of its first part."""
        tables = map(self.runtime.put, tables_of(found)[0])
        return [*self._given(inputs, letters), *self.weights(), *tables]

    def _given(self, inputs: Inputs, letters: Substitutions) -> list[Any]:
        put = self.runtime.put
        others = [put(inputs[name]) for name, _ in self.plan.inputs if name != self.plan.sequence]
        key = ("letters", letters.alternatives_only)
        said = self.programs.get(key) if letters.saturates else None
        if said is None:
            said = put(letters.rotation), put(letters.block)
        if letters.saturates:  # what is written is another one in each call
            self.programs[key] = said
        return [put(inputs[self.plan.sequence]), *others, *said]

    def _loaded(self, letters: Substitutions, batch: int) -> Loaded:
        """The program of so many letters and sequences."""
        key = (letters.count, letters.alternatives_only, batch)
        if key not in self.programs:
            found = self.arranged(letters, batch)
            tables = [[*map(self.runtime.put, table)] for table in tables_of(found)]
            self.programs[key] = Loaded(self._load(letters, batch, found), tables, found)
        return self.programs[key]

    def arranged(self, letters: Substitutions, batch: int) -> Arrangement:
        """The parts and tiles of calls of so many letters and sequences."""
        return arrange(self.plan, letters.count, batch, self.tile, self.threads)

    def evaluate_reference(self, inputs: Inputs) -> list[Any]:
        """The model's outputs for the sequences themselves, ``[B, *output]`` each."""
        count = len(inputs[self.plan.sequence])
        if not count:
            return [self.runtime.zeros([0, *shape]) for _, shape in self.plan.outputs]
        parts = [
            self._answers({k: v[i : i + BATCHES[-1]] for k, v in inputs.items()})
            for i in range(0, count, BATCHES[-1])
        ]
        return [self.runtime.concat(ys) for ys in zip(*parts, strict=True)]

    def _answers(self, inputs: Inputs) -> list[Any]:
        """The model's outputs for at most as many sequences as one call of it takes."""
        count = len(inputs[self.plan.sequence])
        batch = next(size for size in BATCHES if size >= count)
        key = ("model", batch)
        if key not in self.programs:
            self.programs[key] = self._model(batch)
        repeated = repeat_inputs(inputs, batch)
        given = [self.runtime.put(repeated[name]) for name, _ in self.plan.inputs]
        return [y[:count] for y in self.programs[key]([*given, *self.sources()])]

    def _naive(self, inputs: Inputs, letters: Substitutions) -> list[Any]:
        """The same by the whole model on every mutant."""
        blocks = every_block(self.plan) if letters.saturates else letters.block
        found = scan_mutants(
            inputs, self.plan.sequence, self.plan.sites, blocks, BATCHES[-1],
            lambda batch: [np.asarray(y) for y in self._answers(batch)], self.scored,
        )  # fmt: skip
        if letters.saturates and self.compares_letters:
            found = self.compared(found, present(inputs[self.plan.sequence], self.plan.sites))
        return [self.runtime.put(y) for y in found]

    def _empty(self, letters: Substitutions) -> list[Any]:
        width = self.plan.sequence_shape[1] if letters.saturates else letters.count
        sites = len(self.plan.sites)
        return [self.runtime.zeros([0, sites, width, *shape]) for shape in self.shapes()]

    @property
    @abstractmethod
    def runtime(self) -> Runtime:
        """Where programs run."""

    @abstractmethod
    def weights(self) -> Sequence[Any]:
        """The weights as they are now, in the order of the programs."""

    def sources(self) -> Sequence[Any]:
        """The same, or what programs read them from when they run."""
        return self.weights()

    @abstractmethod
    def _load(self, letters: Substitutions, batch: int, arrangement: Arrangement) -> Run:
        """The program of so many letters and sequences."""

    @abstractmethod
    def _model(self, batch: int) -> Run:
        """The model's own outputs, for so many sequences."""

    @abstractmethod
    def scored(self, reference: list[Array], mutant: list[Array]) -> list[Array]:
        """What is returned of the outputs of mutants ``[n, *output]``."""

    @property
    @abstractmethod
    def compares_letters(self) -> bool:
        """Whether the score has a part across the letters of a site; see `ismc.scores.Score`."""

    @abstractmethod
    def compared(self, scores: list[Array], present: Array) -> list[Array]:
        """That part, of the scores of all letters ``[B, S, C, ...]``."""
