"""One member of an ensemble: a program, how it sees sequences, and its answers turned back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ismc.ism.base import ISM
from ismc.ism.ensemble.views import Site, View
from ismc.plan.plan import Plan
from ismc.scores.letters import present

Array = np.ndarray
Inputs = Mapping[str, Array]


@dataclass(frozen=True)
class Member:
    """A program of one model and one view of sequences.

    Shapes: ``B`` sequences, ``S`` sites of the ensemble, ``C`` letters.

    Attributes:
        program: it may mutate more sites than this member needs.
        view: how it sees sequences.
        sites: the ensemble's.
        mirrored: outputs by number whose first axis is positions that the view turns.
    """

    program: ISM
    view: View
    sites: tuple[Site, ...]
    mirrored: frozenset[int] = frozenset()

    def saturated(self, inputs: Inputs, sites: Sequence[int] | None = None) -> list[Any]:
        """The scores as the ensemble means them, ``[B, S, C, *score]`` each, on the device.

        With ``sites``, by number, those of other sites may be anything.
        """
        seen = self._seen(inputs)
        if self._plain:
            return self.program.saturated(seen, sites)
        asked = range(len(self.sites)) if sites is None else sites
        inside = sorted({i for i in (self._places[j] for j in asked) if i is not None})
        outside = [j for j, place in enumerate(self._places) if place is None]
        count, parts = len(self.program.sites), []
        if inside:
            parts.append(self.program.saturated(seen, inside if len(inside) < count else None))
        if outside:
            parts.append(self._unchanged(inputs, seen, [self.sites[j] for j in outside]))
        beyond = iter(range(count if inside else 0, count + len(outside)))
        rows = [next(beyond) if place is None else place * bool(inside) for place in self._places]
        return [
            self._in_own_order(i, list(ys), rows) for i, ys in enumerate(zip(*parts, strict=True))
        ]

    def reference(self, inputs: Inputs) -> list[Any]:
        """The model's outputs as the ensemble means them, ``[B, *output]`` each."""
        ys = self.program.evaluate_reference(self._seen(inputs))
        if not self.view.reverse or not self.mirrored:
            return ys
        import tensorflow as tf

        return [tf.reverse(y, [1]) if i in self.mirrored else y for i, y in enumerate(ys)]

    @property
    def plan(self) -> Plan:
        """The program's plan."""
        return self.program.plan

    @property
    def score_name(self) -> str:
        """The program's score, spelled in full."""
        return self.program.score_name

    @property
    def key(self) -> str:
        """What tells this program and view from others, beside plan, score and weights."""
        view, mirrored = self.view, sorted(self.mirrored) if self.view.reverse else []
        own = getattr(self.program, "key", "")
        return f"{own} shift {view.shift} reverse {view.reverse} turned {mirrored}"

    def weights(self) -> Sequence[Any]:
        """The weights of the model as they are now."""
        return self.program.weights()

    def _seen(self, inputs: Inputs) -> dict[str, Array]:
        name = self.program.plan.sequence
        return {**inputs, name: self.view.seen(inputs[name])}

    @cached_property
    def _places(self) -> list[int | None]:
        """Where the program has each site; nothing where it is out of the window."""
        length, _ = self.program.input_shape
        known = {site: i for i, site in enumerate(self.program.sites)}
        seen = [self.view.site(site, length) for site in self.sites]
        return [None if site is None else known[site] for site in seen]

    @property
    def _plain(self) -> bool:
        """Whether the program's answers are the ensemble's as they are."""
        return self.view == View() and self._places == list(range(len(self.program.sites)))

    def _unchanged(self, inputs: Inputs, seen: Inputs, sites: Sequence[Site]) -> list[Any]:
        """The answers at sites that are out of the window: of the reference with itself."""
        import tensorflow as tf

        there = present(inputs[self.program.plan.sequence], sites)
        if not len(there):
            return [tf.zeros([*there.shape, *shape]) for shape in self.program.shapes()]
        there = np.ascontiguousarray(there[:, :, ::-1]) if self.view.reverse else there
        own = [np.asarray(y) for y in self.program.evaluate_reference(seen)]
        found = [
            np.repeat(np.repeat(y[:, None, None], len(sites), 1), there.shape[2], 2)
            for y in self.program.scored(own, own)
        ]
        if self.program.compares_letters:
            found = self.program.compared(found, there)
        return [tf.constant(y) for y in found]

    def _in_own_order(self, output: int, parts: list[Any], rows: list[int]) -> Any:
        """The answers of one output in the order of the ensemble's sites and letters."""
        import tensorflow as tf

        y = tf.concat(parts, 1) if len(parts) > 1 else parts[0]
        if rows != list(range(int(y.shape[1] or 0))):
            y = tf.gather(y, rows, axis=1)
        if not self.view.reverse:
            return y
        return tf.reverse(y, [2, 3] if self.keeps_positions(output) else [2])

    def keeps_positions(self, output: int) -> bool:
        """Whether the score of an output has its mirrored axis still."""
        own, scored = self.program.reference_shapes()[output], self.program.shapes()[output]
        return output in self.mirrored and len(own) == len(scored) and own[0] == scored[0]
