"""The scores by name, those of ismc and those of users."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any

from ismc.errors import InputError
from ismc.scores import formulas, letters
from ismc.scores.reducers import TRACKS
from ismc.scores.score import Score, Targets

OWN = (
    Score("difference", "m - r", formulas.difference, zero=True),
    Score(
        "centred", "d - mean of d over the four letters", formulas.difference,
        letters.centred, centred=True, zero=True,
    ),
    Score(
        "centred_alternatives", "d - mean of d over the letters that are not there",
        formulas.difference, letters.centred_alternatives, centred=True, zero=True,
    ),
    Score(
        "log2_ratio", "log2((m + pseudocount) / (r + pseudocount)), outputs of at least 0",
        formulas.log2_ratio, zero=True, parameters={"pseudocount": 1e-6},
    ),
    Score("l2", "sqrt(sum of d^2 over all outputs)", formulas.l2, signed=False, zero=True),
    Score("counts", "sum of d over a head of log counts", formulas.counts, zero=True),
    Score(
        "profile", "sum over positions of softmax(r) d, of profile logits",
        formulas.profile, zero=True, parameters={"normalised": False},
    ),
    Score(
        "jensen_shannon", "Jensen-Shannon distance, base 2, of softmax(r) and softmax(m)",
        formulas.jensen_shannon, signed=False, zero=True,
    ),
)  # fmt: skip
"""Those that every ismc has; what they compute is in `ismc.scores.formulas` and `.letters`."""

REGISTERED: dict[str, Score] = {score.name: score for score in OWN}
RESERVED = ("targets", "track")


def names() -> tuple[str, ...]:
    """The names of all scores: ismc's own, then those that were registered."""
    return tuple(REGISTERED)


def described() -> str:
    """The names and formulas of all scores, one per line, as a table."""
    rows = [("name", "formula", "settings")]
    rows += [(s.name, s.formula, ", ".join(map(_setting, s.parameters.items()))) for s in _all()]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c}".rstrip() for a, b, c in rows]
    return "\n".join(
        [
            *lines,
            "",
            "r: the output for the sequence, m: for a mutant, d = m - r. Every score also takes",
            "targets=[i, ..] or targets=a:b, of the last axis, and track=sum, mean or max, over",
            "positions, before outputs are compared: 'difference(targets=[3, 5], track=mean)'.",
        ]
    )


def named(name: str, targets: Targets = None, track: str | None = None, **parameters: Any) -> Score:
    """The score of a name, with its settings.

    Args:
        name: one of `names`.
        targets: which of the last axis of outputs are compared: a number, several, or a slice.
            The axis stays, with as many entries.
        track: ``"sum"``, ``"mean"`` or ``"max"`` over the positions of outputs ``[n, L, T]``.
        parameters: of the formula, such as ``pseudocount=0.001``.

    Raises:
        InputError: when there is no such score, or it has no such setting.
    """
    if name not in REGISTERED:
        near = get_close_matches(str(name), REGISTERED, 1)
        raise InputError(
            f"There is no score {name!r}, expected one of {', '.join(REGISTERED)}.",
            hint=f"Did you mean {near[0]!r}?" if near else "ismc.scores.described() explains them.",
        )
    if track is not None and track not in TRACKS:
        raise InputError(f"track is {track!r}, expected one of {', '.join(TRACKS)}.")
    known = REGISTERED[name]
    for key in parameters:
        if key not in known.parameters:
            found = ", ".join([*known.parameters, *RESERVED])
            raise InputError(f"The score {name} has no setting {key!r}, expected one of {found}.")
    given = {key: _value(key, value, known.parameters[key]) for key, value in parameters.items()}
    every = {**known.parameters, **given}
    return replace(known, parameters=every, targets=_targets(targets), track=track)


def register(
    name: str,
    function: Callable[..., Any],
    formula: str,
    *,
    across: Callable[[Any, Any], Any] | None = None,
    signed: bool = True,
    centred: bool = False,
    zero: bool = False,
) -> Score:
    """Gives a function a name that `ismc.compile` and the command line take.

    It is looked up in the process that registers it: one that loads an artifact needs it not, one
    that compiles does.

    Args:
        name: letters, digits and ``_``; none of ismc's own.
        function: ``(reference, mutant, **settings) -> tensor`` of outputs ``[n, *output]``, in
            TensorFlow, each row by itself; settings have defaults, numbers or text.
        formula: what it computes, for people.
        across: see `Score`.
        signed: whether it says which way the output goes.
        centred: whether the scores of a site are measured from a mean over its letters.
        zero: whether an output scores 0 with itself.

    Raises:
        InputError: when the name is none, or one of ismc's own.
    """
    own = {score.name for score in OWN}
    if not name.isidentifier() or name in own:
        raise InputError(
            f"A score cannot be registered as {name!r}, expected a name of letters, digits and _ "
            f"that is not one of ismc's own: {', '.join(sorted(own))}."
        )
    settings = list(inspect.signature(function).parameters.values())[2:]
    defaults = {setting.name: setting.default for setting in settings}
    if wrong := [key for key, value in defaults.items() if key in RESERVED or not _plain(value)]:
        raise InputError(
            f"The settings {', '.join(wrong)} of the score {name} cannot be written down, expected "
            f"defaults that are numbers or text, and other names than {' and '.join(RESERVED)}."
        )
    REGISTERED[name] = Score(
        name, formula, function, across, signed, centred, zero, parameters=defaults
    )
    return REGISTERED[name]


def _all() -> Sequence[Score]:
    return tuple(REGISTERED.values())


def _setting(item: tuple[str, Any]) -> str:
    return f"{item[0]}={item[1]!r}"


def _plain(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool | int | str)


def _value(name: str, value: Any, default: Any) -> Any:
    """A setting as it is kept: of the type of its default."""
    found = value.item() if hasattr(value, "item") and not getattr(value, "ndim", 0) else value
    if type(default) is float and isinstance(found, Real) and not isinstance(found, bool):
        found = float(found)
    if not _plain(found) or (default is not None and type(found) is not type(default)):
        kind = type(default).__name__
        raise InputError(f"{name} is {value!r}, expected a finite {kind}, such as {default!r}.")
    return found


def _targets(targets: Any) -> tuple[int, ...] | slice | None:
    """Targets as they are kept: numbers or a slice of plain integers."""
    if targets is None:
        return None
    parts = [targets.start, targets.stop, targets.step] if isinstance(targets, slice) else targets
    try:
        if isinstance(targets, slice):
            found = slice(*(None if part is None else _integer(part) for part in parts))
            return found if found.step != 0 else _refused(targets)
        several = (targets,) if isinstance(targets, Integral) else tuple(targets)
        return tuple(map(_integer, several)) if several else _refused(targets)
    except TypeError:
        return _refused(targets)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError
    return int(value)


def _refused(targets: Any) -> Any:
    raise InputError(
        f"targets is {targets!r}, expected a number, a list of them, or a slice.",
        hint="For instance targets=[3, 5] or targets=slice(0, 10); in text, targets=0:10.",
    )
