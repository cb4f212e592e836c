"""`OpenISM`, for models of open length: one program per length, compiled at its first use."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ismc.artifacts.record import qualified_name
from ismc.errors import InputError
from ismc.execution.inputs import Sites, site_spans
from ismc.frontend.lengths import at_shapes
from ismc.ism.checking.statistics import Mode

if TYPE_CHECKING:
    from ismc.ism.compiled import CompiledISM

Shapes = tuple[tuple[int, ...], ...]
ANY_LENGTH = 3 * 5 * 7 << 10  # long enough for every model, and whole after its pools


@dataclass(repr=False)
class OpenISM:
    """In-silico mutagenesis of a model that takes sequences of any length.

    It is called like a `CompiledISM`. The first call with a length compiles a program, which later
    calls reuse. If `ismc.compile` was given ``sites``, every length must contain them.

    Attributes:
        model: the Keras model.
        compile: makes the `CompiledISM` of a model of fixed length.
        chosen_sites: the sites, as for `ismc.compile`.
        outputs: the outputs, as for `ismc.compile`.
        score: the score, if there is one.
        programs: the programs so far, by the shapes of the inputs without the batch axis.
    """

    model: Any
    compile: Callable[[Any], CompiledISM]
    chosen_sites: Sites = None
    outputs: Any = None
    score: Any = None
    programs: dict[Shapes, CompiledISM] = field(default_factory=dict)

    def __repr__(self) -> str:
        lengths = sorted(shapes[0][0] for shapes in self.programs)
        return f"<OpenISM of {self.model.name!r}, compiled for lengths {lengths}>"

    def __call__(self, x: Any, replace_with: Any = 0) -> Any:
        """Writes ``replace_with`` at each site: ``[B, S, *output]``; see `CompiledISM`."""
        return self.at(x)(x, replace_with)

    def saturate(self, x: Any) -> Any:
        """Writes every letter at each site: ``[B, S, C, *output]``; see `CompiledISM`."""
        return self.at(x).saturate(x)

    def reference(self, x: Any) -> Any:
        """The model's outputs for the sequences: ``[B, *output]``."""
        return self.at(x).reference(x)

    def predict(
        self,
        x: Any,
        replace_with: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        check: Mode = None,
    ) -> Any:
        """`saturate` or a call in NumPy, in batches; see `CompiledISM.predict`."""
        return self.at(x).predict(x, replace_with, batch_size, verbose, check)

    def explain(self, length: int | None = None) -> str:
        """The plan for sequences of this length, if the length is the only open axis.

        Raises:
            InputError: when no length is given.
        """
        if length is None:
            raise InputError(
                "There is one plan for each length, expected a length.",
                hint="For instance ism.explain(1000).",
            )
        return self.at(self._empty(length)).explain()

    @property
    def sites(self) -> tuple[tuple[int, int], ...] | None:
        """The mutated ranges ``(start, stop)``, half-open; ``None`` for every position."""
        if self.chosen_sites is None:
            return None
        return tuple((s.start, s.stop) for s in site_spans(self.chosen_sites, sys.maxsize))

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs, in the order of a flat result."""
        from ismc.frontend.read import read
        from ismc.frontend.request import choose_outputs, labels_by_output

        lowered = read(at_shapes(self.model, self._shapes_at(ANY_LENGTH)))
        labels = labels_by_output(lowered)
        return [labels[name] for name in choose_outputs(lowered, self.outputs)[0]]

    @property
    def score_name(self) -> str:
        """The full name of the score; empty if results are the model's outputs."""
        return "" if self.score is None else qualified_name(self.score)

    def at(self, x: Any) -> CompiledISM:
        """The program for inputs of these shapes, compiled at its first use.

        Raises:
            InputError: when the inputs do not fit the model at any length.
        """
        shapes = self._shapes(x)
        if shapes not in self.programs:
            self.programs[shapes] = self.compile(at_shapes(self.model, shapes))
        return self.programs[shapes]

    def _shapes(self, x: Any) -> Shapes:
        tensors = self.model.inputs
        if isinstance(x, Mapping):
            names = list(getattr(self.model, "input_names", None) or [t.name for t in tensors])
            if set(x) != set(names):
                raise InputError(f"The inputs are {sorted(x)}, expected {sorted(names)}.")
            values: Sequence[Any] = [x[name] for name in names]
        elif len(tensors) > 1:
            values = list(x)
        else:
            values = [x[0] if isinstance(x, list | tuple) and len(x) == 1 else x]
        shapes = [np.shape(value)[1:] for value in values]
        expected = [tuple(tensor.shape)[1:] for tensor in tensors]
        if len(shapes) != len(expected) or not all(map(_fits, shapes, expected)):
            raise InputError(
                f"The inputs have the shapes {[list(s) for s in shapes]} per sequence, expected "
                f"{[list(s) for s in expected]}, where None is any length.",
                hint="Sequences are [B, L, C]; add a batch axis to a single one: x[None].",
            )
        return tuple(tuple(map(int, shape)) for shape in shapes)

    def _empty(self, length: int) -> Any:
        arrays = [np.zeros((1, *shape), np.float32) for shape in self._shapes_at(length)]
        return arrays if len(arrays) > 1 else arrays[0]

    def _shapes_at(self, length: int) -> list[tuple[int, ...]]:
        return [tuple(length if n is None else n for n in t.shape[1:]) for t in self.model.inputs]


def _fits(shape: Sequence[int], expected: Sequence[int | None]) -> bool:
    return len(shape) == len(expected) and all(
        e in (None, s) for s, e in zip(shape, expected, strict=True)
    )
