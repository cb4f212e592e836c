"""`NaiveISM` runs the model on every mutant: the definition of a correct answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ismc.artifacts.record import qualified_name
from ismc.errors import InputError
from ismc.execution.inputs import Sites, named_inputs, replacement, site_spans
from ismc.execution.mutants import scan_mutants
from ismc.frontend.read import read
from ismc.frontend.request import choose_outputs, choose_sequence, labels_by_output
from ismc.ism.checking.statistics import Mode
from ismc.plan.plan import Signature
from ismc.scores import Score, resolved
from ismc.scores.letters import needs_every_letter, part_across, present

Array = np.ndarray
FORMS = ("eager", "tf.function", "tf.function jit")


class NaiveISM:
    """In-silico mutagenesis by running the whole model on every mutant.

    It is called like a `CompiledISM`; `ismc.compile` verifies programs against it. A mutant that
    equals its sequence is not run: it has the reference output.

    Args:
        model: a built Keras model.
        sites: positions or half-open ranges ``(start, stop)``; by default every position.
        outputs: a name, an index or a list of them; by default all outputs.
        score: a name of `ismc.scores`, or a function ``(reference, mutant) -> tensor`` of outputs
            ``[n, *output]``.
        sequence_input: index or name of the input to mutate.
        batch_size: mutants per call of the model.
        form: how the model is called: ``"eager"``, ``"tf.function"`` or ``"tf.function jit"``.

    Raises:
        UnsupportedModelError: when the model is not a built Keras model.
        InputError: when an argument does not fit the model.
    """

    def __init__(
        self,
        model: Any,
        *,
        sites: Sites = None,
        outputs: Any = None,
        score: str | Score | Callable[[Any, Any], Any] | None = None,
        sequence_input: int | str = 0,
        batch_size: int = 64,
        form: str = "eager",
    ) -> None:
        lowered = read(model)
        self.input_names = lowered.inputs
        self.sequence, shape = choose_sequence(lowered, sequence_input)
        self.sites = tuple((s.start, s.stop) for s in site_spans(sites, shape[0]))
        self.chosen, self.structure = choose_outputs(lowered, outputs)
        self._labels = labels_by_output(lowered)
        self._order = [lowered.graph.outputs.index(name) for name in self.chosen]
        self.batch_size, self.score, self.model = batch_size, resolved(score), lowered.model
        self.form = form
        self._run = _call_of(lowered.model, form)
        graph = lowered.graph
        inputs = tuple((name, graph[name].shape) for name in graph.inputs)
        width = max(stop - start for start, stop in self.sites)
        self.signature = Signature(self.sequence, inputs, width, lowered.folded)

    def only(self, chosen: Sequence[str], structure: Any) -> NaiveISM:
        """Restricts the outputs to these names of the graph, nested as in ``structure``."""
        outputs = read(self.model).graph.outputs
        self.chosen, self.structure = tuple(chosen), structure
        self._order = [outputs.index(name) for name in chosen]
        return self

    def __call__(self, x: Any, replace_with: Any = 0) -> Any:
        """Writes ``replace_with`` at each site: ``[B, S, *output]``.

        Raises:
            InputError: when an argument does not fit the model, or the score compares letters.
        """
        if part_across(self.score) is not None:
            raise needs_every_letter(str(self.score))
        inputs = named_inputs(x, self.input_names, self.signature)
        block = replacement(replace_with, self.signature)
        return self._nest([y[:, :, 0] for y in self._scan(inputs, block[None])])

    def saturate(self, x: Any) -> Any:
        """Writes every letter at each site: ``[B, S, C, *output]``."""
        inputs = named_inputs(x, self.input_names, self.signature)
        channels = self.signature.shape[1]
        eye = np.eye(channels, dtype=np.float32)
        scores = self._scan(inputs, np.repeat(eye[:, None], self.signature.width, 1))
        across = part_across(self.score)
        if across is not None:
            letters = tf.constant(present(inputs[self.sequence], self.sites))
            scores = [across(y, letters) for y in scores]
        return self._nest(scores)

    def reference(self, x: Any) -> Any:
        """The model's outputs for the sequences: ``[B, *output]``."""
        inputs = named_inputs(x, self.input_names, self.signature)
        return self._nest([tf.constant(y) for y in self._reference(inputs)])

    def predict(
        self,
        x: Any,
        replace_with: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        check: Mode = None,
    ) -> Any:
        """`saturate`, or a call if ``replace_with`` is given, as NumPy arrays.

        There is no bar, and nothing to check.
        """
        del batch_size, verbose, check
        y = self.saturate(x) if replace_with is None else self(x, replace_with)
        return tf.nest.map_structure(lambda t: t.numpy(), y)

    def explain(self, length: int | None = None) -> str:
        """One line: the model, and the mutants that it runs on.

        Raises:
            InputError: when ``length`` is given and is not the length of the sequences.
        """
        own, channels = self.signature.shape
        if length not in (None, own):
            raise InputError(f"The length is {length}, expected {own}.")
        sites = len(self.sites)
        return f"{self.model.name}: the model on every mutant, {sites} sites x {channels} letters"

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs, in the order of a flat result."""
        return [self._labels[name] for name in self.chosen]

    @property
    def score_name(self) -> str:
        """The full name of the score; empty if results are the model's outputs."""
        return qualified_name(self.score) if self.score is not None else ""

    def _nest(self, flat: Sequence[Any]) -> Any:
        by_name = dict(zip(self.chosen, flat, strict=True))
        return keras.tree.map_structure(lambda name: by_name[name], self.structure)

    def answers(self, inputs: dict[str, Array]) -> list[Array]:
        """The model's outputs for one batch: ``[n, *output]`` each.

        A traced model is compiled for each batch size, so batches are padded to powers of two.
        """
        count = len(inputs[self.sequence])
        padded = inputs
        if self.form != "eager":
            size = min(1 << max(count - 1, 0).bit_length(), max(count, self.batch_size))
            padded = {k: v[np.minimum(np.arange(size), count - 1)] for k, v in inputs.items()}
        nest = keras.tree.map_structure(lambda name: tf.constant(padded[name]), self.input_names)
        flat = keras.tree.flatten(self._run(nest))
        return [np.asarray(tf.cast(flat[i], tf.float32))[:count] for i in self._order]

    def _scan(self, inputs: dict[str, Array], blocks: Array) -> list[tf.Tensor]:
        """Writes every block at every site: one ``[B, S, A, *output]`` per output."""
        x = inputs[self.sequence]
        shape = (len(x), len(self.sites), len(blocks))
        if not len(x):
            empty = {k: np.zeros((1, *v.shape[1:]), np.float32) for k, v in inputs.items()}
            reference = self._scored(self.answers(empty), self.answers(empty))
            return [tf.zeros([*shape, *y.shape[1:]]) for y in reference]
        results = scan_mutants(
            inputs, self.sequence, self.sites, blocks, self.batch_size, self.answers, self._scored
        )
        return [tf.constant(result) for result in results]

    def _reference(self, inputs: dict[str, Array]) -> list[Array]:
        """The model's outputs for the sequences, batch by batch."""
        size = self.batch_size
        parts = [
            self.answers({k: v[i : i + size] for k, v in inputs.items()})
            for i in range(0, max(len(inputs[self.sequence]), 1), size)
        ]
        return [np.concatenate(values) for values in zip(*parts, strict=True)]

    def _scored(self, reference: list[Array], mutant: list[Array]) -> list[Array]:
        if self.score is None:
            return mutant
        pairs = zip(reference, mutant, strict=True)
        return [np.asarray(self.score(tf.constant(r), tf.constant(m))) for r, m in pairs]


def _call_of(model: Any, form: str) -> Callable[[Any], Any]:
    """The function that calls the model on nested inputs, in this form."""

    def call(nest: Any) -> Any:
        return model(nest, training=False)

    return call if form == "eager" else tf.function(call, jit_compile=form.endswith("jit"))
