"""What a user holds: a callable that answers for every site, letter and sequence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import cycle
from math import prod
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ismc.arrange import Arrangement, arrange, batches
from ismc.debug import show
from ismc.errors import InputError
from ismc.explain import timing
from ismc.frontend import Model
from ismc.inputs import named_inputs, replacement
from ismc.letters import Letters, every_letter, written
from ismc.oracle import NaiveISM
from ismc.plan import UNMEASURED, Measured, Plan, Signature
from ismc.progress import progress
from ismc.requests import output_labels
from ismc.results import result_shapes

Array = np.ndarray
Inputs = Mapping[str, Array]

FLIGHT = 64 << 20


@dataclass(repr=False)
class CompiledISM:
    """In-silico mutagenesis of one model, compiled.

    Weights are read from the model at every call, so a model that is trained further needs no new
    compilation. Shapes: ``B`` sequences, ``S`` sites, ``C`` channels.

    Attributes:
        plan: what the compiler decided.
        source: the generated program.
        measured: what `autotune` measured; where the naive program is faster, it is run.
        devices: names of the devices that sequences are spread over, if there are several.
    """

    plan: Plan
    source: str
    build: Callable[..., Any]
    calls: Mapping[str, Any]
    model: Model
    chosen: tuple[str, ...]
    structure: Any
    score: Any = None
    programs: dict[Any, Any] = field(default_factory=dict)
    tile: int = 0
    measured: Measured = UNMEASURED
    devices: tuple[str, ...] = ()

    def __repr__(self) -> str:
        length, channels = self.input_shape
        return (
            f"<CompiledISM of {self.plan.model!r}: [{length}, {channels}], "
            f"{len(self.sites)} sites, outputs {self.output_names}, plan {self.plan.digest}>"
        )

    def __call__(self, x: Any, replace_with: Any = 0) -> Any:
        """Writes ``replace_with`` at each site.

        Args:
            x: ``[B, L, C]``, or a list or dict of inputs as the model takes them.
            replace_with: a number, a letter ``[C]``, or a block ``[width, C]``.

        Returns:
            ``[B, S, *output]``, nested like the model's outputs.

        Raises:
            InputError: when an input or the replacement does not fit.
        """
        inputs = named_inputs(x, self.model.inputs, self._signature)
        letters = written(replacement(replace_with, self.plan.signature))
        return self._nest([y[:, :, 0] for y in self._all(inputs, letters)])

    def saturate(self, x: Any) -> Any:
        """Writes every letter at each site: ``[B, S, C, *output]``.

        The letter that is there gives the reference output. Sequences that are one-hot cost
        ``C - 1`` mutants per site, others ``C``.

        Raises:
            InputError: when an input does not fit.
        """
        inputs = named_inputs(x, self.model.inputs, self._signature)
        return self._nest(self._all(inputs, every_letter(inputs, self.plan)))

    def reference(self, x: Any) -> Any:
        """The model's own answer: ``[B, *output]``."""
        inputs = named_inputs(x, self.model.inputs, self._signature)
        nest = keras.tree.map_structure(lambda name: inputs[name], self.model.inputs)
        return self._oracle.reference(nest)

    def predict(
        self,
        x: Any,
        replace_with: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
    ) -> Any:
        """The same in NumPy, batch by batch, with a progress bar.

        Args:
            x: as for a call.
            replace_with: as for a call; ``None`` for saturation.
            batch_size: sequences of one call; by default at most 32, and 64 MiB of answers.
            verbose: 0 for no bar, 1 for a bar, ``"auto"`` for a bar on a terminal.

        Raises:
            InputError: when an input or the replacement does not fit.
        """
        inputs = named_inputs(x, self.model.inputs, self._signature)
        count = len(inputs[self.plan.sequence])
        block = None if replace_with is None else replacement(replace_with, self.plan.signature)
        results: list[Array] = []
        if batch_size is not None and batch_size < 1:
            raise InputError(f"batch_size is {batch_size}, expected at least 1.")
        size = batch_size or self._batch_size()
        with progress(count, verbose) as advance:
            for i in range(0, max(count, 1), size):
                batch = {name: v[i : i + size] for name, v in inputs.items()}
                letters = every_letter(batch, self.plan) if block is None else written(block)
                ys = [y.numpy() for y in self._all(batch, letters)]
                if not results:
                    results = [np.empty((count, *y.shape[1:]), np.float32) for y in ys]
                for result, y in zip(results, ys, strict=True):
                    result[i : i + size] = y
                advance(len(batch[self.plan.sequence]))
        if replace_with is not None:
            results = [y[:, :, 0] for y in results]
        return self._nest(results)

    def explain(self) -> str:
        """One line per layer: role, form, strategy, width, operations against naive."""
        return str(self.plan) + timing(self.measured)

    def profile(self, x: Any = None, rounds: int = 5, every: int | str = 1) -> Any:
        """Where the time of a saturation goes, statement by statement; see `ismc.profile`."""
        from ismc.profile import profile

        return profile(self, x, rounds, every)

    @property
    def sites(self) -> tuple[tuple[int, int], ...]:
        """The ranges that are mutated."""
        return self.plan.sites

    @property
    def input_shape(self) -> tuple[int, int]:
        """``(L, C)`` of the sequence."""
        return self.plan.sequence_shape

    @property
    def output_names(self) -> list[str]:
        """What the outputs are called, in the order of a flat result."""
        labels = dict(zip(self.model.graph.outputs, output_labels(self.model), strict=True))
        return [labels.get(name, name) for name in self.chosen]

    def _all(self, inputs: Inputs, letters: Letters) -> list[tf.Tensor]:
        """Every mutant of every sequence, one ``[B, S, A or C, *output]`` per output.

        Sequences with NaN or infinity go to the naive program: a difference cannot undo them.
        """
        count = len(inputs[self.plan.sequence])
        if not count:
            return self._empty(letters)
        if self.measured.naive_is_faster:
            return self._naive(inputs, letters)
        finite = np.ones(count, bool)
        for value in inputs.values():
            finite &= np.isfinite(value).reshape(count, -1).all(1)
        if finite.all():
            return self._chunks(inputs, letters)
        rows = np.argsort(np.concatenate([np.flatnonzero(finite), np.flatnonzero(~finite)]))
        parts = []
        if finite.any():
            parts.append(self._chunks({k: v[finite] for k, v in inputs.items()}, letters))
        rest = {k: v[~finite] for k, v in inputs.items()}
        parts.append(self._naive(rest, letters))
        return [tf.gather(tf.concat(ys, 0), rows) for ys in zip(*parts, strict=True)]

    def _naive(self, inputs: Inputs, letters: Letters) -> list[tf.Tensor]:
        nest = keras.tree.map_structure(lambda name: inputs[name], self.model.inputs)
        if letters.saturates:
            return list(self.flat(self._oracle.saturate(nest)))
        y = self._oracle(nest, letters.block[0])
        return [value[:, :, None] for value in self.flat(y)]

    def flat(self, nest: Any) -> list[tf.Tensor]:
        """The results of a call, one per chosen output."""
        flat, names = keras.tree.flatten(nest), keras.tree.flatten(self.structure)
        return [flat[names.index(name)] for name in self.chosen]

    def _empty(self, letters: Letters) -> list[tf.Tensor]:
        shapes = result_shapes(self.plan, self.score)
        width = letters.block.shape[2] if letters.turned else letters.count
        return [tf.zeros([0, len(self.plan.sites), width, *shape[1:]]) for shape in shapes]

    def _chunks(self, inputs: Inputs, letters: Letters) -> list[tf.Tensor]:
        """Calls of the program for as many sequences as it is compiled for."""
        count = len(inputs[self.plan.sequence])
        parts = []
        calls = batches(self.plan, count, letters.count, max(1, len(self.devices)))
        for device, (begin, size, batch) in zip(cycle(self.devices or [""]), calls, strict=False):
            chunk = {k: v[begin : begin + size] for k, v in inputs.items()}
            if size < batch:
                chunk = {k: v[np.arange(batch) % size] for k, v in chunk.items()}
            ys = self._call(chunk, letters, batch, device)
            parts.append([y[:size] for y in ys] if size < batch else ys)
        return [ys[0] if len(ys) == 1 else tf.concat(ys, 0) for ys in zip(*parts, strict=True)]

    def _call(
        self, inputs: Inputs, letters: Letters, batch: int, device: str = ""
    ) -> Sequence[tf.Tensor]:
        """One call; weights and offsets are captured, unless another device may hold them."""
        if device:
            with tf.device(device):
                program, arguments = self.arguments(inputs, letters, batch)
                return program(*arguments)
        key = ("traced", letters.count, letters.turned, batch)
        given = self._given(inputs, letters)
        if key not in self.programs:
            self.programs[key] = self._bound(letters, batch).get_concrete_function(*given)
            for stage in ("stablehlo", "hlo"):
                show(f"program.{stage}", partial(self._ir, inputs, letters, batch, stage))
        return self.programs[key](*given)

    def arguments(self, inputs: Inputs, letters: Letters, batch: int) -> tuple[Any, tuple]:
        """The program of ``batch`` sequences and its arguments, weights included."""
        program, _ = self._program(letters.count, letters.turned, batch)
        return program, (*self._given(inputs, letters), *self._held(letters, batch))

    def _bound(self, letters: Letters, batch: int) -> Any:
        """The program with what it holds; variables are read in it, not copied."""
        program, _ = self._program(letters.count, letters.turned, batch)

        @tf.function(jit_compile=True, autograph=False)
        def bound(*given: Any) -> Any:
            return program(*given, *self._held(letters, batch))

        return bound

    def _given(self, inputs: Inputs, letters: Letters) -> tuple:
        context = {k: tf.constant(v) for k, v in inputs.items() if k != self.plan.sequence}
        x = tf.constant(inputs[self.plan.sequence])
        return x, context, *letters.tensors

    def _held(self, letters: Letters, batch: int) -> tuple:
        weights = {
            owner: {name: tf.convert_to_tensor(v) for name, v in named.items()}
            for owner, named in self.model.variables.items()
        }
        return weights, *self._program(letters.count, letters.turned, batch)[1]

    def _program(self, letters: int, turned: bool, batch: int) -> tuple[Any, tuple]:
        key = (letters, turned, batch)
        if key not in self.programs:
            found = arrange(self.plan, letters, batch, self.tile)
            mutants = batch * found.sites * letters
            program = self.build(
                mutants,
                found.tiles,
                [[mutants, *step.shape[1:]] for step in self.plan.handed]
                or result_shapes(self.plan, self.score, mutants),
                found.sizes,
                letters,
                turned,
                self.calls,
                self.score,
            )
            self.programs[key] = program, self._offsets(found)
            show("program.py", self.source)
        return self.programs[key]

    def _offsets(self, found: Arrangement) -> tuple:
        at = {key: tf.constant(value) for key, value in found.at.items()}
        starts = tf.constant(self.plan.starts, tf.int32)
        return at, tf.constant(found.order), starts

    def _batch_size(self) -> int:
        """Sequences whose answers are on their way at a time."""
        answers = sum(prod(shape) for shape in result_shapes(self.plan, self.score))
        one = 4 * answers * len(self.sites) * self.input_shape[1]
        return max(1, min(32, FLIGHT // max(one, 1)))

    @property
    def _signature(self) -> Signature:
        return replace(self.plan.signature, folded=self.model.folded)

    @property
    def _oracle(self) -> NaiveISM:
        if "oracle" not in self.programs:
            self.programs["oracle"] = NaiveISM(
                self.model.model,
                sites=self.plan.sites,
                score=self.score,
                sequence_input=self.plan.sequence,
                batch_size=self.measured.batch,
                form=self.measured.form,
            ).only(self.chosen, self.structure)
        return self.programs["oracle"]

    def _nest(self, flat: Sequence[Any]) -> Any:
        by_name = dict(zip(self.chosen, flat, strict=True))
        return keras.tree.map_structure(lambda name: by_name[name], self.structure)

    def _ir(self, inputs: Inputs, letters: Letters, batch: int, stage: str) -> str:
        """What XLA is given (``stablehlo``) or makes of it first (``hlo``)."""
        program, arguments = self.arguments(inputs, letters, batch)
        return program.experimental_get_compiler_ir(*arguments)(stage=stage)
