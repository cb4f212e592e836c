"""A compiled program with its model: it is lowered, called and cached from here."""

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
from ismc.frontend import Model, answers
from ismc.ir.dump import show
from ismc.ir.graph import Graph
from ismc.ism.base import ISM, Inputs
from ismc.ism.naive import NaiveISM
from ismc.scores.letters import apply_across, part_across

Array = np.ndarray

TENSORFLOW = TensorFlow()


@dataclass(repr=False, kw_only=True)
class CompiledProgram(ISM):
    """The programs of one model, and what they are made from.

    Weights are read from the model at every call, so a model that is trained further needs no new
    compilation. Shapes: ``B`` sequences, ``S`` sites, ``C`` channels.

    Attributes:
        build: the generated function that makes a program for tiles of one size.
        calls: the original layers, for those that are called through Keras.
        model: the model as it was lowered.
        graph: its layers, models inside of it laid open.
        score: what is computed from reference and mutant, if anything: a `Score` or a function.
        store: the cache of programs, if there is one.
        key: what determines every program, as 64 hexadecimal digits; empty where only a trace can
            tell, since code of the user's takes part.
        still: whether the key still tells what is compiled; that may have changed meanwhile.
        hits: how far, of the largest change, programs out of the cache may be off, beside rounding,
            when they are compared before they first answer; nothing if they are not compared.
        bound: the weights that the programs are right for, where they are not for all.
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
        """TensorFlow."""
        return TENSORFLOW

    @property
    def variables(self) -> list[tuple[str, str, Any]]:
        """Owner, name and variable of every weight, in the order that programs take them."""
        named = self.model.variables.items()
        return [(owner, name, v) for owner, found in named for name, v in found.items()]

    @property
    def versions(self) -> dict[str, str]:
        """Of what the programs were made with."""
        return {"ismc": __version__, "tensorflow": tf.__version__, "keras": keras.__version__}

    def texts(self) -> dict[str, str]:
        """What stands in entries and artifacts for whoever looks: the plan, the source."""
        return {"plan.txt": self.explain(), "program.py": self.source}

    def lowered(self, letters: Substitutions, batch: int, found: Arrangement) -> CachedProgram:
        """The program of so many letters and sequences, which a call compiles."""
        return self._kept(
            partial(self._flat, letters, batch, found),
            {
                "letters": letters.count,
                "alternatives_only": letters.alternatives_only,
                "batch": batch,
            },
        )

    def lowered_model(self, batch: int) -> CachedProgram:
        """The model's own outputs for so many sequences, as a program."""
        return self._kept(partial(self._flat_model, batch), {"model": True, "batch": batch})

    def nested(self, flat: Sequence[Any], found: Arrangement) -> tuple:
        """The arguments of the generated program from flat ones."""
        flat = list(flat)
        x, given = flat.pop(0), {}
        for name, _ in self.plan.inputs:
            if name != self.plan.sequence:
                given[name] = flat.pop(0)
        rotation, block = flat.pop(0), flat.pop(0)
        weights = self._owned(flat)
        at = {key: flat.pop(0) for key in sorted(found.at)}
        order, spans, *tiles = flat
        return x, given, rotation, block, weights, at, order, spans[:, 0], *tiles

    def program(
        self, letters: Substitutions, batch: int, found: Arrangement, build: Any = None
    ) -> Any:
        """The generated program for tiles of one size; ``build`` may be another form of it."""
        mutants = batch * found.sites * letters.count
        show("program.py", self.source)
        results = result_shapes(self.plan, self.score, mutants)
        return (build or self.build)(
            mutants,
            [[mutants, *step.shape[1:]] for step in self.plan.loop_outputs]
            or [*results, *([[mutants]] if self.plan.guard else [])],
            found.sizes,
            letters.count,
            letters.alternatives_only,
            self.calls,
            self.score,
        )

    def _flat(
        self, letters: Substitutions, batch: int, found: Arrangement, *flat: Any
    ) -> list[Any]:
        ys = self.program(letters, batch, found)(*self.nested(flat, found))
        if not letters.saturates:
            return ys
        *_, spans, _, _ = flat
        count = len(self.plan.outputs)
        done = apply_across(
            self.score, ys[:count], flat[0], spans, self.plan.width, letters.alternatives_only
        )
        return [*done, *ys[count:]]

    def _flat_model(self, batch: int, *flat: Any) -> list[Any]:
        del batch
        rest = list(flat)
        inputs = {name: rest.pop(0) for name, _ in self.plan.inputs}
        return answers(self.model, self.graph, self.chosen, inputs, self._owned(rest))

    def _owned(self, flat: list[Any]) -> dict[str, dict[str, Any]]:
        """Weights by owner and name, taken from the front of flat arguments."""
        return {
            owner: {name: flat.pop(0) for name in named}
            for owner, named in self.model.variables.items()
        }

    def _kept(self, function: Callable[..., list[Any]], kind: Mapping[str, Any]) -> CachedProgram:
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
            variables=self._positions(kind),
            name="program" if "letters" in kind else "model",
            counted="letters" in kind,
            still=self.still,
        )

    def _positions(self, kind: Mapping[str, Any]) -> dict[int, tf.Variable]:
        """The variables by the numbers of the arguments that have their values."""
        before = len(self.plan.inputs) + (2 if "letters" in kind else 0)
        found = (as_tf_variable(variable) for _, _, variable in self.variables)
        return {before + i: v for i, v in enumerate(found) if isinstance(v, tf.Variable)}

    def _load(self, letters: Substitutions, batch: int, arrangement: Arrangement) -> Run:
        return self.lowered(letters, batch, arrangement)

    def _model(self, batch: int) -> Run:
        return self.lowered_model(batch)

    def weights(self) -> Sequence[Any]:
        """The weights as the model holds them now."""
        self.bound.check()
        return values([variable for _, _, variable in self.variables])

    def sources(self) -> Sequence[Any]:
        """The variables themselves, which programs read: that takes no time."""
        self.bound.check()
        return [as_tf_variable(variable) for _, _, variable in self.variables]

    def oracle(self, sites: Any, score: Any = None, **options: Any) -> NaiveISM:
        """The naive program of the same outputs at some sites; with its ``options``.

        TensorFlow keeps the memory of large calls, so they are small ones by default.
        """
        given = {"batch_size": 8, "sequence_input": self.plan.sequence, **options}
        found = NaiveISM(self.model.model, sites=sites, score=score or self.score, **given)
        return found.only(self.chosen, self.structure)

    def _naive(self, inputs: Inputs, letters: Substitutions) -> list[Any]:
        if not self.measured.naive_is_faster:
            return super()._naive(inputs, letters)
        nest = tf.nest.map_structure(lambda name: inputs[name], self.names)
        if letters.saturates:
            return self.flat(self.naive.saturate(nest))
        return [y[:, :, None] for y in self.flat(self.naive(nest, letters.block[0]))]

    def scored(self, reference: list[Array], mutant: list[Array]) -> list[Array]:
        """What is returned of the outputs of mutants ``[n, *output]``."""
        if self.score is None:
            return mutant
        pairs = zip(reference, mutant, strict=True)
        return [np.asarray(self.score(tf.constant(r), tf.constant(m))) for r, m in pairs]

    @property
    def compares_letters(self) -> bool:
        """Whether the score has a part across the letters of a site."""
        return part_across(self.score) is not None

    def compared(self, scores: list[Array], present: Array) -> list[Array]:
        """The part of the score across letters, of scores ``[B, S, C, ...]``."""
        across = part_across(self.score)
        return [np.asarray(across(tf.constant(y), tf.constant(present))) for y in scores]

    @property
    def score_name(self) -> str:
        """The score, spelled in full; module and name of a function, nothing if there is none."""
        return "" if self.score is None else qualified_name(self.score)

    def shapes(self) -> Sequence[Sequence[int]]:
        """The shapes of what is returned for one mutant."""
        return self._result_shapes

    @cached_property
    def _result_shapes(self) -> list[list[int]]:
        return [shape[1:] for shape in result_shapes(self.plan, self.score)]

    @cached_property
    def naive(self) -> NaiveISM:
        """The naive program as it was measured to be fastest."""
        measured = self.measured
        return self.oracle(self.plan.sites, batch_size=measured.batch, form=measured.form)
