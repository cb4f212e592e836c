"""`Ensemble`, which `ismc.ensemble` returns, and the average of its members' programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ismc.errors import InputError
from ismc.execution.inputs import replacement
from ismc.execution.substitutions import Substitutions, one_block
from ismc.ism.base import ScanProgram
from ismc.ism.calls import ISM
from ismc.ism.checking import Checks
from ismc.ism.ensemble.member import Member
from ismc.ism.ensemble.views import View
from ismc.scores.letters import needs_every_letter

Array = np.ndarray
Inputs = Mapping[str, Array]
Shapes = Sequence[Sequence[int]]


@dataclass(frozen=True, repr=False)
class Average:
    """The programs of an ensemble, called with inputs by name; results are averaged.

    Attributes:
        members: the members in the order of summation: by model, orientation, shift.
        views: the orientations and shifts, the same for each model.
        checks: whether and how `predict` and runs check answers, and the results of `predict`.
    """

    members: tuple[Member, ...]
    views: tuple[View, ...] = (View(),)
    checks: Checks = field(default_factory=Checks, compare=False)

    def saturated(self, inputs: Inputs, sites: Sequence[int] | None = None) -> list[Any]:
        """The average scores of every letter, ``[B, S, C, *output]`` of each output.

        With ``sites``, only the scores at the sites with these indices are valid.
        """
        return mean_of_members(m.saturated(self.named_for(m, inputs), sites) for m in self.members)

    def substituted(self, inputs: Inputs, letters: Substitutions) -> list[Any]:
        """The average scores of one block at every site, ``[B, S, 1, *output]`` of each output."""
        return mean_of_members(
            m.substituted(self.named_for(m, inputs), letters.block) for m in self.members
        )

    def substitution(self, replace_with: Any) -> Substitutions:
        """The same block at every site.

        Raises:
            InputError: when the block does not fit the models, or the score compares letters; when
                it has several letters, and a site is shorter or reaches out of a member's window.
        """
        if self.first.compares_letters:
            raise needs_every_letter(self.score_name)
        width = max(stop - start for start, stop in self.sites)
        block = replacement(replace_with, replace(self.first.plan.signature, width=width))
        if (block != block[0]).any() and not all(m.has_uncut_sites for m in self.members):
            raise InputError(
                "The block has several letters, and not all sites have its width in every view of "
                "the ensemble.",
                hint="Compile for sites of one width that no shift moves out of the window.",
            )
        return one_block(block)

    def evaluate_reference(self, inputs: Inputs) -> list[Any]:
        """The average of the models' outputs, ``[B, *output]`` each."""
        return mean_of_members(m.reference(self.named_for(m, inputs)) for m in self.members)

    def inputs(self, x: Any) -> dict[str, Array]:
        """The checked inputs of a call by name, float32."""
        return self.first.inputs(x)

    def named_for(self, member: Member, inputs: Inputs) -> dict[str, Array]:
        """The inputs by the names of a member's model, matched by name or else by position."""
        names, their_names = (
            [name for name, _ in program.plan.inputs] for program in (self.first, member.program)
        )
        if set(names) == set(their_names):
            return dict(inputs)
        return {theirs: inputs[name] for name, theirs in zip(names, their_names, strict=True)}

    def nested_results(self, flat: Sequence[Any]) -> Any:
        """A flat list of results, one per chosen output, in the nest that calls return."""
        return self.first.nested_results(flat)

    def explain(self) -> str:
        """The members and shifts, and the plan of each program."""
        shifts = [view.shift for view in self.views if not view.reverse]
        lines = [f"average of {self.title()}: {len(self.members)} members"]
        if shifts != [0]:
            lines.append(f"shifts: {', '.join(map(str, shifts))}")
        for plan in dict.fromkeys(member.program.explain() for member in self.members):
            lines += ["", plan]
        return "\n".join(lines)

    @property
    def first(self) -> ScanProgram:
        """The program of the first member; all programs take and return the same."""
        return self.members[0].program

    @property
    def sites(self) -> tuple[tuple[int, int], ...]:
        """The mutated ranges ``(start, stop)``, half-open."""
        return self.members[0].sites

    @property
    def input_shape(self) -> tuple[int, int]:
        """``(L, C)`` of the sequence."""
        return self.first.input_shape

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs, in the order of a flat result."""
        return self.first.output_names

    @property
    def scans(self) -> tuple[ScanProgram, ...]:
        """The program of each member; members may share one."""
        return tuple(member.program for member in self.members)

    @property
    def score_name(self) -> str:
        """The full name of the score; empty if results are the models' outputs."""
        return self.first.score_name

    def shapes(self) -> Shapes:
        """The shape of each output of a call for one mutant."""
        return self.first.shapes()

    def reference_shapes(self) -> Shapes:
        """The shapes of the models' outputs for one sequence."""
        return self.first.reference_shapes()

    def with_programs(self, change: Callable[[Any], Any]) -> Average | None:
        """A copy with ``change`` applied to each program; ``None`` if it returns ``None`` for one.

        ``change`` is called once per program, even if several members share it. To send an average
        to another process: ``packed = average.with_programs(pack)``, and there
        ``packed.with_programs(unpack)``.
        """
        changed = {id(member.program): member.program for member in self.members}
        changed = {key: change(program) for key, program in changed.items()}
        if any(program is None for program in changed.values()):
            return None
        members = (replace(m, program=changed[id(m.program)]) for m in self.members)
        return replace(self, members=tuple(members))

    def title(self) -> str:
        """The counts of models, orientations and shifts."""
        orientations = len({view.reverse for view in self.views})
        shifts = len(self.views) // orientations
        models = len(self.members) // len(self.views)
        counts = (models, "model"), (orientations, "orientation"), (shifts, "shift")
        return " x ".join(f"{n} {name}{'s' * (n > 1)}" for n, name in counts)


@dataclass(repr=False, eq=False)
class Ensemble(ISM):
    """The average of several members, with the calls of a `CompiledISM`.

    A reverse-complement member gets the reverse complement of a block.

    Attributes:
        program: the average of the members' programs.
    """

    program: Average

    @property
    def members(self) -> tuple[Member, ...]:
        """The members in the order of summation: by model, orientation, shift."""
        return self.program.members

    @property
    def views(self) -> tuple[View, ...]:
        """The orientations and shifts, the same for each model."""
        return self.program.views


def mean_of_members(answers: Iterable[list[Any]]) -> list[Any]:
    """The mean of lists of tensors, summed one after the other on their device."""
    total: list[Any] = []
    count = 0
    for count, ys in enumerate(answers, 1):  # noqa: B007  (their number)
        total = [a + b for a, b in zip(total, ys, strict=True)] if total else ys
    return [y / count for y in total] if count > 1 else total
