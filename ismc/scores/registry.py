"""The registry of scores by name: ismc's own and those of users."""

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
        "centred_alternatives", "d - mean of d over the alternative letters",
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
"""The scores of ismc itself; their formulas are in `ismc.scores.formulas` and `.letters`."""

REGISTERED: dict[str, Score] = {score.name: score for score in OWN}
RESERVED = ("targets", "track")


def names() -> tuple[str, ...]:
    """The names of all scores: ismc's own, then the registered ones."""
    return tuple(REGISTERED)


def described() -> str:
    """A table of the names, formulas and settings of all scores, one per line."""
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
            "positions. Outputs are compared after that: 'difference(targets=[3, 5], track=mean)'.",
        ]
    )


def named(name: str, targets: Targets = None, track: str | None = None, **parameters: Any) -> Score:
    """The score with this name and these settings.

    Args:
        name: one of `names`.
        targets: the indices of the outputs' last axis that are compared: a number, several, or a
            slice. The axis remains, with one entry per target.
        track: ``"sum"``, ``"mean"`` or ``"max"`` over the positions of outputs ``[n, L, T]``.
        parameters: settings of the formula, such as ``pseudocount=0.001``.

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
    score = REGISTERED[name]
    for key in parameters:
        if key not in score.parameters:
            keys = ", ".join([*score.parameters, *RESERVED])
            raise InputError(f"The score {name} has no setting {key!r}, expected one of {keys}.")
    values = {key: _value(key, value, score.parameters[key]) for key, value in parameters.items()}
    settings = {**score.parameters, **values}
    return replace(score, parameters=settings, targets=_targets(targets), track=track)


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
    """Registers a function under a name that `ismc.compile` and the command line accept.

    The name is known only in the process that registers it. A process that compiles needs it; one
    that loads an artifact does not.

    Args:
        name: letters, digits and ``_``; not one of ismc's own names.
        function: ``(reference, mutant, **settings) -> tensor`` of outputs ``[n, *output]``, in
            TensorFlow, each row by itself; settings have defaults, numbers or text.
        formula: a description of what it computes, for people.
        across: see `Score`.
        signed: whether the sign of the score is the direction of the effect on the output.
        centred: whether the scores of a site are relative to a mean over its letters.
        zero: whether ``score(y, y) == 0``.

    Raises:
        InputError: when the name is invalid or one of ismc's own, or a setting has no default that
            is a number or text.
    """
    builtins = {score.name for score in OWN}
    if not name.isidentifier() or name in builtins:
        raise InputError(
            f"A score cannot be registered as {name!r}, expected a name of letters, digits and _ "
            f"that is not one of ismc's own: {', '.join(sorted(builtins))}."
        )
    settings = list(inspect.signature(function).parameters.values())[2:]
    defaults = {setting.name: setting.default for setting in settings}
    if wrong := [key for key, value in defaults.items() if key in RESERVED or not _plain(value)]:
        raise InputError(
            f"The settings {', '.join(wrong)} of the score {name} cannot be stored, expected "
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
    """The value of a setting, converted to the type of its default."""
    plain = value.item() if hasattr(value, "item") and not getattr(value, "ndim", 0) else value
    if type(default) is float and isinstance(plain, Real) and not isinstance(plain, bool):
        plain = float(plain)
    if not _plain(plain) or (default is not None and type(plain) is not type(default)):
        kind = type(default).__name__
        raise InputError(f"{name} is {value!r}, expected a finite {kind}, such as {default!r}.")
    return plain


def _targets(targets: Any) -> tuple[int, ...] | slice | None:
    """Targets as plain integers: a tuple or a slice."""
    if targets is None:
        return None
    parts = [targets.start, targets.stop, targets.step] if isinstance(targets, slice) else targets
    try:
        if isinstance(targets, slice):
            chosen = slice(*(None if part is None else _integer(part) for part in parts))
            return chosen if chosen.step != 0 else _refused(targets)
        indices = (targets,) if isinstance(targets, Integral) else tuple(targets)
        return tuple(map(_integer, indices)) if indices else _refused(targets)
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
