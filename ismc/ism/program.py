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
from ismc.execution.signature import (
    BLOCK,
    INPUT,
    OFFSET,
    ORDER,
    ROTATION,
    SPANS,
    TILE_COUNT,
    TILE_IDS,
    WEIGHT,
    Name,
    ProgramSignature,
    Spec,
)
from ismc.execution.substitutions import Substitutions
from ismc.execution.tiling import Arrangement
from ismc.execution.weights import UNBOUND, Bound, as_tf_variable, values
from ismc.frontend.evaluate import answers
from ismc.frontend.model import Model
from ismc.ir.dump import show_stage
from ismc.ir.graph import Graph
from ismc.ism.base import BATCHES, Inputs, ScanProgram, Sites
from ismc.ism.checking.cached_programs import check_model, check_mutants
from ismc.ism.identity import identity
from ismc.ism.naive import NaiveISM
from ismc.scores.letters import apply_across, part_across

Array = np.ndarray

TENSORFLOW = TensorFlow()


@dataclass(repr=False, kw_only=True)
class CompiledProgram(ScanProgram):
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
    def _variables(self) -> list[Any]:
        return [variable for _, _, variable in self.variables]

    @cached_property
    def weight_specs(self) -> dict[Name, Spec]:
        """The shape and dtype of each weight by name, in the order of `weights`."""
        return {
            (WEIGHT, owner, name): Spec(tuple(v.shape), tf.as_dtype(v.dtype).name)
            for owner, name, v in self.variables
        }

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
            self.signature_of(letters, batch, tiling),
            {
                "letters": letters.count,
                "alternatives_only": letters.alternatives_only,
                "batch": batch,
            },
        )

    def lowered_model(self, batch: int) -> CachedProgram:
        """The program that computes the model's outputs for a batch size."""
        function, signature = partial(self._flat_model, batch), self.signature_of_model(batch)
        return self._cached(function, signature, {"model": True, "batch": batch})

    def nested(self, named: Mapping[Name, Any]) -> dict[str, Any]:
        """The arguments of the generated program, from the arguments of a call by name."""
        context = dict(self._inputs(named))
        return {
            "x": context.pop(self.plan.sequence),
            "context": context,
            "rotation": named[ROTATION],
            "block": named[BLOCK],
            "w": self._weights(named),
            "at": {name[1]: value for name, value in named.items() if name[0] == OFFSET},
            "order": named[ORDER],
            "starts": named[SPANS][:, 0],
            "tile_ids": named[TILE_IDS],
            "tile_count": named[TILE_COUNT],
        }

    def generated(
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
        named = self.signature_of(letters, batch, tiling).unpack(flat)
        ys = self.generated(letters, batch, tiling)(**self.nested(named))
        if not letters.saturates:
            return ys
        x, spans, count = named[INPUT, self.plan.sequence], named[SPANS], len(self.plan.outputs)
        scores = apply_across(
            self.score, ys[:count], x, spans, self.plan.width, letters.alternatives_only
        )
        return [*scores, *ys[count:]]

    def _flat_model(self, batch: int, *flat: Any) -> list[Any]:
        named = self.signature_of_model(batch).unpack(flat)
        weights = self._weights(named)
        return answers(self.model, self.graph, self.chosen, dict(self._inputs(named)), weights)

    def _inputs(self, named: Mapping[Name, Any]) -> list[tuple[str, Any]]:
        return [(name, named[INPUT, name]) for name, _ in self.plan.inputs]

    def _weights(self, named: Mapping[Name, Any]) -> dict[str, dict[str, Any]]:
        """The weights by owner and name; an owner may have none."""
        return {
            owner: {name: named[WEIGHT, owner, name] for name in variables}
            for owner, variables in self.model.variables.items()
        }

    def _cached(
        self,
        function: Callable[..., list[Any]],
        signature: ProgramSignature,
        kind: Mapping[str, Any],
    ) -> CachedProgram:
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
            signature=signature,
            function=function,
            store=self.store,
            key=sha256(about.encode()).hexdigest() if self.key else "",
            manifest=manifest,
            texts=self.texts,
            variables=self._variables_by_argument(signature),
            name="program" if "letters" in kind else "model",
            still=self.still,
        )

    def _variables_by_argument(self, signature: ProgramSignature) -> dict[int, tf.Variable]:
        """The variables, by the index of the argument that has their value."""
        index = {name: i for i, name in enumerate(signature.names)}
        named = zip(self.weight_specs, map(as_tf_variable, self._variables), strict=True)
        return {index[name]: v for name, v in named if isinstance(v, tf.Variable)}

    def _load(self, letters: Substitutions, batch: int, arrangement: Arrangement) -> Run:
        return self.lowered(letters, batch, arrangement)

    def _model(self, batch: int) -> Run:
        return self.lowered_model(batch)

    def weights(self) -> Sequence[Any]:
        """The model's current weights."""
        self.bound.check()
        return values(self._variables)

    def sources(self) -> Sequence[Any]:
        """The variables, from which programs read the weights without a copy."""
        self.bound.check()
        return [as_tf_variable(variable) for variable in self._variables]

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

    def _call(
        self, x: Inputs, letters: Substitutions, batch: int, device: str = "", sites: Sites = None
    ) -> list[Any]:
        ys = super()._call(x, letters, batch, device, sites)
        if self.hits is not None:
            check_mutants(self, self._program_for(letters, batch).run, x, letters, ys, sites)
        return ys

    def _model_outputs(self, inputs: Inputs) -> list[Any]:
        ys = super()._model_outputs(inputs)
        if self.hits is not None:
            known = [self.programs.get(("model", size)) for size in BATCHES]
            check_model(self, [program.run for program in known if program], inputs, ys)
        return ys

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
