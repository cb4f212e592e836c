"""`Member` of an ensemble: a program and a view, whose answers are mapped back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ismc.execution.substitutions import one_block
from ismc.ism.base import ScanProgram
from ismc.ism.ensemble.views import Site, View
from ismc.scores.letters import present

Array = np.ndarray
Inputs = Mapping[str, Array]


@dataclass(frozen=True)
class Member:
    """A program of one model and one view of sequences.

    Shapes: ``B`` sequences, ``S`` sites of the ensemble, ``C`` letters.

    Attributes:
        program: the program, which may mutate more sites than this member needs.
        view: the shift and orientation in which the program sees sequences.
        sites: the sites of the ensemble.
        mirrored: indices of the outputs whose first axis is positions, which the view mirrors.
    """

    program: ScanProgram
    view: View
    sites: tuple[Site, ...]
    mirrored: frozenset[int] = frozenset()

    def saturated(self, inputs: Inputs, sites: Sequence[int] | None = None) -> list[Any]:
        """The scores at the ensemble's sites and letters, ``[B, S, C, *score]``, on the device.

        With ``sites``, only the scores of the sites with these indices are valid.
        """
        return self._mapped(inputs, self.program.saturated, sites)

    def substituted(self, inputs: Inputs, block: Array) -> list[Any]:
        """The scores of a block ``[1, width, C]`` at each site, ``[B, S, 1, *score]``."""
        in_view = block[0, ::-1, ::-1] if self.view.reverse else block[0]
        letters = one_block(np.ascontiguousarray(in_view[: self.program.plan.width]))
        return self._mapped(
            inputs, lambda seen, sites: self.program.substituted(seen, letters, sites), letters=1
        )

    @property
    def has_uncut_sites(self) -> bool:
        """Whether all sites have one width, within the window of this view."""
        inside = [i for i in self._places if i is not None]
        widths = {stop - start for start, stop in self.sites}
        widths |= {stop - start for start, stop in (self.program.sites[i] for i in inside)}
        return len(widths) == 1

    def _mapped(
        self,
        inputs: Inputs,
        answers: Callable[[Inputs, Sequence[int] | None], list[Any]],
        sites: Sequence[int] | None = None,
        letters: int | None = None,
    ) -> list[Any]:
        """The answers of the program, mapped to the ensemble's sites and letters.

        Args:
            inputs: the inputs in the ensemble's orientation.
            answers: the program's answers ``[B, S, A, ...]`` for inputs and site numbers.
            sites: as for `saturated`.
            letters: the substitutions per site, ``A``; all letters by default.
        """
        seen = self._viewed_inputs(inputs)
        if self._is_unmapped:
            return answers(seen, sites)
        requested = range(len(self.sites)) if sites is None else sites
        inside = sorted({i for i in (self._places[j] for j in requested) if i is not None})
        outside = [j for j, place in enumerate(self._places) if place is None]
        count, parts = len(self.program.sites), []
        if inside:
            parts.append(answers(seen, inside if len(inside) < count else None))
        if outside:
            unchanged = self._unchanged(inputs, seen, [self.sites[j] for j in outside])
            parts.append([y[:, :, :letters] for y in unchanged])
        beyond = iter(range(count if inside else 0, count + len(outside)))
        rows = [next(beyond) if place is None else place * bool(inside) for place in self._places]
        return [self._reordered(i, list(ys), rows) for i, ys in enumerate(zip(*parts, strict=True))]

    def reference(self, inputs: Inputs) -> list[Any]:
        """The model's outputs in the ensemble's orientation, ``[B, *output]`` each."""
        ys = self.program.evaluate_reference(self._viewed_inputs(inputs))
        if not self.view.reverse or not self.mirrored:
            return ys
        import tensorflow as tf

        return [tf.reverse(y, [1]) if i in self.mirrored else y for i, y in enumerate(ys)]

    def _viewed_inputs(self, inputs: Inputs) -> dict[str, Array]:
        name = self.program.plan.sequence
        return {**inputs, name: self.view.seen(inputs[name])}

    @cached_property
    def _places(self) -> list[int | None]:
        """The index of each site among the program's; ``None`` if it is out of the window."""
        length, _ = self.program.input_shape
        known = {site: i for i, site in enumerate(self.program.sites)}
        seen = [self.view.site(site, length) for site in self.sites]
        return [None if site is None else known[site] for site in seen]

    @property
    def _is_unmapped(self) -> bool:
        """Whether the program's answers need no mapping."""
        return self.view == View() and self._places == list(range(len(self.program.sites)))

    def _unchanged(self, inputs: Inputs, seen: Inputs, sites: Sequence[Site]) -> list[Any]:
        """The answers at sites out of the window: the score of the reference with itself."""
        import tensorflow as tf

        letters = present(inputs[self.program.plan.sequence], sites)
        if not len(letters):
            return [tf.zeros([*letters.shape, *shape]) for shape in self.program.shapes()]
        letters = np.ascontiguousarray(letters[:, :, ::-1]) if self.view.reverse else letters
        reference = [np.asarray(y) for y in self.program.evaluate_reference(seen)]
        scores = [
            np.repeat(np.repeat(y[:, None, None], len(sites), 1), letters.shape[2], 2)
            for y in self.program.scored(reference, reference)
        ]
        if self.program.compares_letters:
            scores = self.program.compared(scores, letters)
        return [tf.constant(y) for y in scores]

    def _reordered(self, output: int, parts: list[Any], rows: list[int]) -> Any:
        """The answers of one output in the order of the ensemble's sites and letters."""
        import tensorflow as tf

        y = tf.concat(parts, 1) if len(parts) > 1 else parts[0]
        if rows != list(range(int(y.shape[1] or 0))):
            y = tf.gather(y, rows, axis=1)
        if not self.view.reverse:
            return y
        return tf.reverse(y, [2, 3] if self.keeps_positions(output) else [2])

    def keeps_positions(self, output: int) -> bool:
        """Whether the score of an output still has the mirrored axis of positions."""
        own, scored = self.program.reference_shapes()[output], self.program.shapes()[output]
        return output in self.mirrored and len(own) == len(scored) and own[0] == scored[0]
