"""`CompiledProgram`: the programs of one model, and how they are lowered and cached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from hashlib import sha256
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ismc._version import __version__
from ismc.artifacts.cache.cached import CachedProgram
from ismc.artifacts.cache.store import ProgramStore
from ismc.artifacts.record import qualified_name
from ismc.execution.module import Run, Runtime
from ismc.execution.on_tensorflow import TensorFlow
from ismc.execution.results import result_shapes
from ismc.execution.substitutions import Substitutions
from ismc.execution.tiling import Arrangement
from ismc.execution.weights import UNBOUND, Bound, as_tf_variable, values
from ismc.frontend.evaluate import answers
from ismc.frontend.model import Model
from ismc.ir.dump import show_stage
from ismc.ir.graph import Graph
from ismc.ism.base import ISM, Inputs
from ismc.ism.identity import identity
from ismc.ism.naive import NaiveISM
from ismc.scores.letters import apply_across, part_across

Array = np.ndarray

TENSORFLOW = TensorFlow()


@dataclass(repr=False, kw_only=True)
class CompiledProgram(ISM):
    """The programs of one model, and the model and source they are made from.

    Weights are read from the model at every call, so training the model further needs no new
    compilation. Shapes: ``B`` sequences, ``S`` sites, ``C`` channels.

    Attributes:
        build: the generated function that makes a program for tiles of one size.
        calls: the layers that the program calls through Keras, by name.
        model: the model that was read.
        graph: its layers, with nested models inlined.
        score: the score, a `Score` or a function, if there is one.
        store: the cache of programs, if there is one.
        key: a hash of all that determines the programs, 64 hexadecimal digits; empty if only a
            trace determines them, because user code takes part.
        still: whether the key is still that of the model, which may have been changed since.
        hits: the error, as a share of the largest change, that cached programs may have beyond
            rounding when they are checked at their first use; ``None`` skips that check.
        bound: the weights for which the programs are correct, if not for all weights.
    """

    build: Callable[..., Any]
    calls: Mapping[str, Any]
    model: Model
    graph: Graph
    score: Any = None
    store: ProgramStore | None = None
    key: str = ""
    still: Callable[[], bool] | None = None
    hits: float | None = None
    bound: Bound = UNBOUND

    @property
    def runtime(self) -> Runtime:
        """The runtime of the programs: TensorFlow."""
        return TENSORFLOW

    @property
    def variables(self) -> list[tuple[str, str, Any]]:
        """Owner, name and variable of every weight, in the order of the programs' arguments."""
        named = self.model.variables.items()
        return [(owner, name, v) for owner, found in named for name, v in found.items()]

    @property
    def versions(self) -> dict[str, str]:
        """The versions of ismc, TensorFlow and Keras that make the programs."""
        return {"ismc": __version__, "tensorflow": tf.__version__, "keras": keras.__version__}

    @cached_property
    def identity(self) -> str:
        """SHA-256 of what layers and score compute, without weights; user code is traced."""
        return identity(self)

    def texts(self) -> dict[str, str]:
        """The texts stored with cache entries and artifacts for human readers: plan and source."""
        return {"plan.txt": self.explain(), "program.py": self.source}

    def lowered(self, letters: Substitutions, batch: int, tiling: Arrangement) -> CachedProgram:
        """The program for these substitutions and a batch size, compiled at its first call."""
        return self._cached(
            partial(self._flat, letters, batch, tiling),
            {
                "letters": letters.count,
                "alternatives_only": letters.alternatives_only,
                "batch": batch,
            },
        )

    def lowered_model(self, batch: int) -> CachedProgram:
        """The program that computes the model's outputs for a batch size."""
        return self._cached(partial(self._flat_model, batch), {"model": True, "batch": batch})

    def nested(self, flat: Sequence[Any], tiling: Arrangement) -> tuple:
        """The arguments of the generated program, from the flat arguments of a call."""
        flat = list(flat)
        x, context = flat.pop(0), {}
        for name, _ in self.plan.inputs:
            if name != self.plan.sequence:
                context[name] = flat.pop(0)
        rotation, block = flat.pop(0), flat.pop(0)
        weights = self._take_weights(flat)
        at = {key: flat.pop(0) for key in sorted(tiling.at)}
        order, spans, *tiles = flat
        return x, context, rotation, block, weights, at, order, spans[:, 0], *tiles

    def program(
        self, letters: Substitutions, batch: int, tiling: Arrangement, build: Any = None
    ) -> Any:
        """The generated program for tiles of one size; ``build`` overrides the loaded one."""
        mutants = batch * tiling.sites * letters.count
        show_stage("program.py", self.source)
        results = result_shapes(self.plan, self.score, mutants)
        return (build or self.build)(
            mutants,
            [[mutants, *step.shape[1:]] for step in self.plan.loop_outputs]
            or [*results, *([[mutants]] if self.plan.guard else [])],
            tiling.sizes,
            letters.count,
            letters.alternatives_only,
            self.calls,
            self.score,
        )

    def _flat(
        self, letters: Substitutions, batch: int, tiling: Arrangement, *flat: Any
    ) -> list[Any]:
        ys = self.program(letters, batch, tiling)(*self.nested(flat, tiling))
        if not letters.saturates:
            return ys
        *_, spans, _, _ = flat
        count = len(self.plan.outputs)
        scores = apply_across(
            self.score, ys[:count], flat[0], spans, self.plan.width, letters.alternatives_only
        )
        return [*scores, *ys[count:]]

    def _flat_model(self, batch: int, *flat: Any) -> list[Any]:
        del batch
        rest = list(flat)
        inputs = {name: rest.pop(0) for name, _ in self.plan.inputs}
        return answers(self.model, self.graph, self.chosen, inputs, self._take_weights(rest))

    def _take_weights(self, flat: list[Any]) -> dict[str, dict[str, Any]]:
        """The weights by owner and name; removes them from the front of flat arguments."""
        return {
            owner: {name: flat.pop(0) for name in named}
            for owner, named in self.model.variables.items()
        }

    def _cached(self, function: Callable[..., list[Any]], kind: Mapping[str, Any]) -> CachedProgram:
        manifest = {
            "model": self.plan.model,
            "plan": self.plan.digest,
            "program": dict(kind),
            "tile": self.tile,
            "threads": self.threads,
            "measured": asdict(self.measured),
            "versions": self.versions,
        }
        about = repr((self.key, sorted(kind.items()), self.tile, self.threads))
        return CachedProgram(
            runtime=self.runtime,
            function=function,
            store=self.store,
            key=sha256(about.encode()).hexdigest() if self.key else "",
            manifest=manifest,
            texts=self.texts,
            variables=self._variables_by_argument(kind),
            name="program" if "letters" in kind else "model",
            counted="letters" in kind,
            still=self.still,
        )

    def _variables_by_argument(self, kind: Mapping[str, Any]) -> dict[int, tf.Variable]:
        """The variables, by the index of the argument that has their value."""
        before = len(self.plan.inputs) + (2 if "letters" in kind else 0)
        tf_variables = (as_tf_variable(variable) for _, _, variable in self.variables)
        return {before + i: v for i, v in enumerate(tf_variables) if isinstance(v, tf.Variable)}

    def _load(self, letters: Substitutions, batch: int, arrangement: Arrangement) -> Run:
        return self.lowered(letters, batch, arrangement)

    def _model(self, batch: int) -> Run:
        return self.lowered_model(batch)

    def weights(self) -> Sequence[Any]:
        """The model's current weights."""
        self.bound.check()
        return values([variable for _, _, variable in self.variables])

    def sources(self) -> Sequence[Any]:
        """The variables, from which programs read the weights without a copy."""
        self.bound.check()
        return [as_tf_variable(variable) for _, _, variable in self.variables]

    def oracle(self, sites: Any, score: Any = None, **options: Any) -> NaiveISM:
        """The naive program of the same outputs at these sites, with ``options`` of `NaiveISM`.

        The default batch size is small, since TensorFlow does not free the memory of large calls.
        """
        settings = {"batch_size": 8, "sequence_input": self.plan.sequence, **options}
        naive = NaiveISM(self.model.model, sites=sites, score=score or self.score, **settings)
        return naive.only(self.chosen, self.structure)

    def _naive(self, inputs: Inputs, letters: Substitutions) -> list[Any]:
        if not self.measured.naive_is_faster:
            return super()._naive(inputs, letters)
        nest = tf.nest.map_structure(lambda name: inputs[name], self.names)
        if letters.saturates:
            return self.flat(self.naive.saturate(nest))
        return [y[:, :, None] for y in self.flat(self.naive(nest, letters.block[0]))]

    def scored(self, reference: list[Array], mutant: list[Array]) -> list[Array]:
        """The scores of mutants, from outputs ``[n, *output]``; the outputs without a score."""
        if self.score is None:
            return mutant
        pairs = zip(reference, mutant, strict=True)
        return [np.asarray(self.score(tf.constant(r), tf.constant(m))) for r, m in pairs]

    @property
    def compares_letters(self) -> bool:
        """Whether the score has a part across the letters of a site."""
        return part_across(self.score) is not None

    def compared(self, scores: list[Array], present: Array) -> list[Array]:
        """Applies the part of the score across letters to scores ``[B, S, C, ...]``."""
        across = part_across(self.score)
        return [np.asarray(across(tf.constant(y), tf.constant(present))) for y in scores]

    @property
    def score_name(self) -> str:
        """The full name of the score; of a function, module and name; empty without a score."""
        return "" if self.score is None else qualified_name(self.score)

    def shapes(self) -> Sequence[Sequence[int]]:
        """The shape of each output of a call for one mutant."""
        return self._result_shapes

    @cached_property
    def _result_shapes(self) -> list[list[int]]:
        return [shape[1:] for shape in result_shapes(self.plan, self.score)]

    @cached_property
    def naive(self) -> NaiveISM:
        """The naive program in the form and batch size that autotuning measured as fastest."""
        measured = self.measured
        return self.oracle(self.plan.sites, batch_size=measured.batch, form=measured.form)
