"""The average of members, as a callable."""

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
    """The average of several members; calls are those of a compiled program.

    Shapes: ``B`` sequences, ``S`` sites, ``C`` letters.

    Attributes:
        members: in the order in which they are added up: model, orientation, shift.
        views: orientations and shifts, the same for each model.
        checks: as for a compiled program.
    """

    members: tuple[Member, ...]
    views: tuple[View, ...] = (View(),)
    checks: Checks = field(default_factory=Checks, compare=False)

    def __repr__(self) -> str:
        length, channels = self.input_shape
        score = f", score {self.score_name!r}" if self.score_name else ""
        return (
            f"<Ensemble of {self._counted()}: [{length}, {channels}], {len(self.sites)} sites, "
            f"outputs {self.output_names}{score}>"
        )

    def saturate(self, x: Any) -> Any:
        """Writes every letter at each site: ``[B, S, C, *output]``, the members' average.

        Raises:
            InputError: when an input does not fit.
        """
        return self.first.nested_results(self.saturated(self.inputs(x)))

    def saturated(self, inputs: Inputs, sites: Sequence[int] | None = None) -> list[Any]:
        """The same of inputs by name, flat; with ``sites``, by number, only at those."""
        return averaged(m.saturated(self.named_for(m, inputs), sites) for m in self.members)

    def reference(self, x: Any) -> Any:
        """The models' own answer: ``[B, *output]``, the members' average; raises as `saturate`."""
        inputs = self.inputs(x)
        found = averaged(m.reference(self.named_for(m, inputs)) for m in self.members)
        return self.first.nested_results(found)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        check: Mode = None,
    ) -> Any:
        """Saturation in NumPy, batch by batch, with a progress bar, a few mutants of it checked.

        Args:
            x: as for `saturate`.
            batch_size: sequences of one call; by default at most 32, and 64 MiB of answers.
            verbose: 0 for no bar, 1 for a bar, ``"auto"`` for a bar on a terminal.
            check: as for `ismc.compile`; by default what it was compiled with.

        Raises:
            InputError: when an input does not fit, or the batch size is not positive.
            VerificationError: when a mutant that is checked has another answer of the models.
        """
        options = {"batch_size": batch_size, "verbose": verbose, "check": check}
        found = predicted(self, self.first.plan, self.inputs(x), self.saturated, **options)
        return self.first.nested_results(found)

    def inputs(self, x: Any) -> dict[str, Array]:
        """The inputs of a call by name, checked, in float32."""
        return self.first.inputs(x)

    def named_for(self, member: Member, inputs: Inputs) -> dict[str, Array]:
        """The inputs as a member's model names them; where names differ, those of one place."""
        names, own = ([name for name, _ in m.plan.inputs] for m in (self.first, member))
        if set(names) == set(own):
            return dict(inputs)
        return {mine: inputs[name] for name, mine in zip(names, own, strict=True)}

    def flat(self, results: Any) -> list[Any]:
        """The results of a call, one per chosen output."""
        return self.first.flat(results)

    def explain(self) -> str:
        """Who is averaged, and the plan of each program."""
        shifts = [view.shift for view in self.views if not view.reverse]
        lines = [f"average of {self._counted()}: {len(self.members)} members"]
        if shifts != [0]:
            lines.append(f"shifts: {', '.join(map(str, shifts))}")
        for plan in dict.fromkeys(member.program.explain() for member in self.members):
            lines += ["", plan]
        return "\n".join(lines)

    @property
    def first(self) -> ISM:
        """The program of the first member; what it takes and returns, all do."""
        return self.members[0].program

    @property
    def sites(self) -> tuple[tuple[int, int], ...]:
        """The ranges that are mutated."""
        return self.members[0].sites

    @property
    def input_shape(self) -> tuple[int, int]:
        """``(L, C)`` of the sequence."""
        return self.first.input_shape

    @property
    def output_names(self) -> list[str]:
        """What the outputs are called, in the order of a flat result."""
        return self.first.output_names

    @property
    def score(self) -> Any:
        """The score of the members, if they have one."""
        return getattr(self.first, "score", None)

    @property
    def score_name(self) -> str:
        """The score, spelled in full, or nothing where answers are the models' own outputs."""
        return self.first.score_name

    def shapes(self) -> Shapes:
        """The shapes of what is returned for one mutant."""
        return self.first.shapes()

    def reference_shapes(self) -> Shapes:
        """The shapes of the models' own outputs for one sequence."""
        return self.first.reference_shapes()

    def with_programs(self, change: Callable[[Any], Any]) -> Ensemble | None:
        """The same ensemble of changed programs; nothing where the function returns nothing.

        It is called once for each program, which may be of several members. This is how an ensemble
        is taken elsewhere: ``there.with_programs(unpack)`` of ``here.with_programs(pack)``.
        """
        made = {id(member.program): member.program for member in self.members}
        made = {key: change(program) for key, program in made.items()}
        if any(program is None for program in made.values()):
            return None
        members = (replace(m, program=made[id(m.program)]) for m in self.members)
        return replace(self, members=tuple(members))

    def _counted(self) -> str:
        turns = len({view.reverse for view in self.views})
        shifts = len(self.views) // turns
        models = len(self.members) // len(self.views)
        counts = (models, "model"), (turns, "orientation"), (shifts, "shift")
        return " x ".join(f"{n} {name}{'s' * (n > 1)}" for n, name in counts)


def averaged(answers: Iterable[list[Any]]) -> list[Any]:
    """The mean of lists of tensors, added up one after the other where they are."""
    total: list[Any] = []
    count = 0
    for count, ys in enumerate(answers, 1):  # noqa: B007  (how many there were)
        total = [a + b for a, b in zip(total, ys, strict=True)] if total else ys
    return [y / count for y in total] if count > 1 else total
