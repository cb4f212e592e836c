"""A score: a function of reference and mutant, and what goes before and behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ismc.scores.reducers import reduced

Targets = int | slice | Sequence[int] | None


@dataclass(frozen=True, repr=False)
class Score:
    """What is returned of the output for a sequence and the output for a mutant of it.

    It is called with tensors of TensorFlow, ``(reference, mutant)`` of shapes ``[n, *output]``, and
    returns ``[n, *score]``. Scores of one name and equal settings are equal.

    Attributes:
        name: what it is registered as.
        formula: in words and symbols: ``r`` the reference, ``m`` the mutant, ``d = m - r``.
        function: ``(reference, mutant, **parameters) -> score``, each row by itself.
        across: the second part, if there is one: of the scores ``[B, S, C, *score]`` of all
            letters, and ``present [B, S, C]``, which is 1 at the letter that fills the site and 0
            elsewhere (everywhere at N), what is returned in their place. Each site by itself.
        signed: whether a score says which way the output goes, as contributions do.
        centred: whether the scores of a site are measured from a mean over its letters.
        zero: whether an output scores 0 with itself; all programs then give exactly that at the
            letter that is there.
        parameters: what the function takes by name.
        targets: which of the last axis of outputs are compared; all if ``None``.
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
        before, after = (reduced(y, self.targets, self.track) for y in (reference, mutant))
        return self.function(before, after, **self.parameters)

    def __str__(self) -> str:
        """The whole of a score in one line, which `ismc.scores.parsed` reads back."""
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
