"""The class `Score`: a function of reference and mutant outputs, with its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ismc.scores.reducers import reduce_output

Targets = int | slice | Sequence[int] | None


@dataclass(frozen=True, repr=False)
class Score:
    """A function of the output for a sequence and the output for a mutant of it.

    It is called with TensorFlow tensors ``(reference, mutant)`` of shapes ``[n, *output]``, and
    returns ``[n, *score]``. Scores with the same name and equal settings are equal.

    Attributes:
        name: the name it is registered under.
        formula: in words and symbols: ``r`` the reference, ``m`` the mutant, ``d = m - r``.
        function: ``(reference, mutant, **parameters) -> score``, each row by itself.
        across: the optional second part, which compares letters, each site by itself. It maps the
            scores ``[B, S, C, *score]`` of all letters and ``present [B, S, C]`` to new scores.
            ``present`` is 1 at the reference letter of the site and 0 elsewhere (everywhere at N).
        signed: whether the sign of a score is the direction of the effect, as for contributions.
        centred: whether the scores of a site are relative to a mean over its letters.
        zero: whether ``score(y, y) == 0``; all programs then return exactly 0 for the reference
            letter.
        parameters: the arguments of the function by name.
        targets: the indices of the outputs' last axis that are compared; all if ``None``.
        track: ``"sum"``, ``"mean"`` or ``"max"`` over the positions of outputs ``[n, L, T]``
            before they are compared.
    """

    name: str
    formula: str
    function: Callable[..., Any]
    across: Callable[[Any, Any], Any] | None = None
    signed: bool = True
    centred: bool = False
    zero: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)
    targets: tuple[int, ...] | slice | None = None
    track: str | None = None

    def __call__(self, reference: Any, mutant: Any) -> Any:
        """The scores ``[n, *score]`` of outputs ``[n, *output]``.

        Raises:
            InputError: when the score does not fit an output of this shape.
        """
        before, after = (reduce_output(y, self.targets, self.track) for y in (reference, mutant))
        return self.function(before, after, **self.parameters)

    def __str__(self) -> str:
        """The score with its settings in one line, which `ismc.scores.parsed` reads back."""
        parts = [f"{key}={value!r}" for key, value in self.parameters.items()]
        if self.targets is not None:
            parts.append(f"targets={_targets(self.targets)}")
        if self.track is not None:
            parts.append(f"track={self.track}")
        return f"{self.name}({', '.join(parts)})" if parts else self.name

    def __repr__(self) -> str:
        return f"<Score {str(self)!r}: {self.formula}>"

    def __hash__(self) -> int:
        return hash(str(self))


def _targets(targets: tuple[int, ...] | slice) -> str:
    if not isinstance(targets, slice):
        return str(list(targets))
    parts = [targets.start, targets.stop, *([] if targets.step is None else [targets.step])]
    return ":".join("" if part is None else str(part) for part in parts)
