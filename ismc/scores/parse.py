"""Parses scores: ``log2_ratio(pseudocount=1e-06, targets=[3, 5], track=mean)``."""

from __future__ import annotations

import ast
import re
from typing import Any

from ismc.errors import InputError
from ismc.scores.registry import named
from ismc.scores.score import Score

RANGE = re.compile(r"(\btargets\s*=\s*)(-?\d*)\s*:\s*(-?\d*)(?:\s*:\s*(-?\d*))?")
EXAMPLE = "For instance 'centred', or 'log2_ratio(pseudocount=0.001, targets=[3, 5], track=mean)'."


def parsed(text: str) -> Score:
    """The score in a line of text: a name, or a name with settings in brackets.

    Raises:
        InputError: when the text cannot be parsed, or a name or setting is unknown.
    """
    line = RANGE.sub(_slice, text.strip())
    try:
        tree = ast.parse(line, mode="eval").body
    except SyntaxError as error:
        raise _unreadable(text) from error
    if isinstance(tree, ast.Name):
        return named(tree.id)
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name) or tree.args:
        raise _unreadable(text)
    settings: dict[str, Any] = {}
    for keyword in tree.keywords:
        if keyword.arg is None:
            raise _unreadable(text)
        settings[keyword.arg] = _value(keyword.value, text)
    return named(tree.func.id, **settings)


def resolved(score: Any) -> Any:
    """The score for a user's ``score=``: text becomes a `Score`; any other value is unchanged.

    Raises:
        InputError: when there is no such score, or the value is not callable.
    """
    if isinstance(score, str):
        return parsed(score)
    if score is not None and not callable(score):
        raise InputError(
            f"score is {score!r}, expected a name or a function (reference, mutant) -> tensor.",
            hint=EXAMPLE,
        )
    return score


def _slice(match: re.Match[str]) -> str:
    parts = [match[i] or None for i in range(2, 5)]
    return f"{match[1]}slice({', '.join(map(str, parts))})"


def _value(node: ast.expr, text: str) -> Any:
    """The value of a setting: a literal, a bare word, or a slice."""
    if isinstance(node, ast.Name):
        return node.id
    try:
        if isinstance(node, ast.Call):
            return slice(*(ast.literal_eval(part) for part in node.args))
        return ast.literal_eval(node)
    except (ValueError, TypeError) as error:
        raise _unreadable(text) from error


def _unreadable(text: str) -> InputError:
    return InputError(
        f"The score {text!r} cannot be read, expected a name, or name(setting=value, ..).",
        hint=EXAMPLE,
    )
