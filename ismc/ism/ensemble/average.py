"""`Ensemble`, which `ismc.ensemble` returns: the average of its members."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ismc.ism.base import ISM
from ismc.ism.checking import Checks, predicted
from ismc.ism.checking.statistics import Mode
from ismc.ism.ensemble.member import Member
from ismc.ism.ensemble.views import View

Array = np.ndarray
Inputs = Mapping[str, Array]
Shapes = Sequence[Sequence[int]]


@dataclass(frozen=True, repr=False)
class Ensemble:
    """The average of several members, with the calls of a `CompiledISM`.

    Shapes: ``B`` sequences, ``S`` sites, ``C`` letters.

    Attributes:
        members: the members in the order of summation: by model, orientation, shift.
        views: the orientations and shifts, the same for each model.
        checks: whether and how `predict` and runs check answers, and the results of `predict`.
    """

    members: tuple[Member, ...]
    views: tuple[View, ...] = (View(),)
    checks: Checks = field(default_factory=Checks, compare=False)

    def __repr__(self) -> str:
        length, channels = self.input_shape
        score = f", score {self.score_name!r}" if self.score_name else ""
        return (
            f"<Ensemble of {self._summary()}: [{length}, {channels}], {len(self.sites)} sites, "
            f"outputs {self.output_names}{score}>"
        )

    def saturate(self, x: Any) -> Any:
        """Writes every letter at each site: the average scores, ``[B, S, C, *output]``.

        Raises:
            InputError: when an input does not fit the models.
        """
        return self.first.nested_results(self.saturated(self.inputs(x)))

    def saturated(self, inputs: Inputs, sites: Sequence[int] | None = None) -> list[Any]:
        """`saturate` of inputs by name, flat; only the ``sites`` with these indices are valid."""
        return mean_of_members(m.saturated(self.named_for(m, inputs), sites) for m in self.members)

    def reference(self, x: Any) -> Any:
        """The average of the models' outputs: ``[B, *output]``; raises as `saturate`."""
        inputs = self.inputs(x)
        means = mean_of_members(m.reference(self.named_for(m, inputs)) for m in self.members)
        return self.first.nested_results(means)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        check: Mode = None,
    ) -> Any:
        """`saturate` in NumPy, in batches, with a progress bar and a check.

        Args:
            x: as for `saturate`.
            batch_size: sequences per batch; by default at most 32, and 64 MiB of results.
            verbose: 0 for no bar, 1 for a bar, ``"auto"`` for a bar on a terminal.
            check: as for `ismc.compile`; by default the value given there.

        Raises:
            InputError: when an input does not fit the models, or the batch size is not positive.
            VerificationError: when the models have another answer for a mutant of the check.
        """
        options = {"batch_size": batch_size, "verbose": verbose, "check": check}
        results = predicted(self, self.first.plan, self.inputs(x), self.saturated, **options)
        return self.first.nested_results(results)

    def inputs(self, x: Any) -> dict[str, Array]:
        """The checked inputs of a call by name, float32."""
        return self.first.inputs(x)

    def named_for(self, member: Member, inputs: Inputs) -> dict[str, Array]:
        """The inputs by the names of a member's model, matched by name or else by position."""
        names, their_names = ([name for name, _ in m.plan.inputs] for m in (self.first, member))
        if set(names) == set(their_names):
            return dict(inputs)
        return {theirs: inputs[name] for name, theirs in zip(names, their_names, strict=True)}

    def flat(self, results: Any) -> list[Any]:
        """The results of a call as a list, one per requested output."""
        return self.first.flat(results)

    def explain(self) -> str:
        """The members and shifts, and the plan of each program."""
        shifts = [view.shift for view in self.views if not view.reverse]
        lines = [f"average of {self._summary()}: {len(self.members)} members"]
        if shifts != [0]:
            lines.append(f"shifts: {', '.join(map(str, shifts))}")
        for plan in dict.fromkeys(member.program.explain() for member in self.members):
            lines += ["", plan]
        return "\n".join(lines)

    @property
    def first(self) -> ISM:
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
    def score(self) -> Any:
        """The members' score, if they have one."""
        return getattr(self.first, "score", None)

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

    def with_programs(self, change: Callable[[Any], Any]) -> Ensemble | None:
        """A copy with ``change`` applied to each program; ``None`` if it returns ``None`` for one.

        ``change`` is called once per program, even if several members share it. To send an ensemble
        to another process: ``packed = ensemble.with_programs(pack)``, and there
        ``packed.with_programs(unpack)``.
        """
        changed = {id(member.program): member.program for member in self.members}
        changed = {key: change(program) for key, program in changed.items()}
        if any(program is None for program in changed.values()):
            return None
        members = (replace(m, program=changed[id(m.program)]) for m in self.members)
        return replace(self, members=tuple(members))

    def _summary(self) -> str:
        orientations = len({view.reverse for view in self.views})
        shifts = len(self.views) // orientations
        models = len(self.members) // len(self.views)
        counts = (models, "model"), (orientations, "orientation"), (shifts, "shift")
        return " x ".join(f"{n} {name}{'s' * (n > 1)}" for n, name in counts)


def mean_of_members(answers: Iterable[list[Any]]) -> list[Any]:
    """The mean of lists of tensors, summed one after the other on their device."""
    total: list[Any] = []
    count = 0
    for count, ys in enumerate(answers, 1):  # noqa: B007  (their number)
        total = [a + b for a, b in zip(total, ys, strict=True)] if total else ys
    return [y / count for y in total] if count > 1 else total
