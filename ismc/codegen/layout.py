"""Breaks long statements into lines, as the project's formatter does."""

from __future__ import annotations

WIDTH = 100


def statement(code: str, comment: str, indent: int) -> tuple[str, ...]:
    """The lines of one assignment, without indentation; its comment is on the same line if it fits.

    >>> statement("a = f(b)", "[N, 3]", 4)
    ('a = f(b)  # [N, 3]',)
    """
    room = WIDTH - indent
    line = f"{code}  # {comment}"
    if len(line) <= room:
        return (line,)
    if len(code) <= room:
        return (f"# {comment}", code)
    return (f"# {comment}", *_break_statement(code, room))


def _break_statement(code: str, room: int) -> tuple[str, ...]:
    """One statement over several lines: sums at their operators, calls at their arguments."""
    target, value = code.split(" = ", 1)
    for operator in (" + ", " - "):
        parts = _split(value, operator)
        if len(parts) == 2 and parts[1].endswith(")"):
            head = f"{target} = {parts[0]}{operator}{parts[1].partition('(')[0]}("
            if len(head) <= room:  # the formatter breaks only the last call if the rest fits
                first, *lines = _break_call(parts[1], room)
                return (f"{target} = {parts[0]}{operator}{first}", *lines)
        if len(parts) > 1:
            inner = [f"    {parts[0]}", *(f"    {operator.strip()} {part}" for part in parts[1:])]
            return (f"{target} = (", *inner, ")")
    first, *lines = _break_call(value, room)
    return (f"{target} = {first}", *lines)


def _break_call(code: str, room: int) -> tuple[str, ...]:
    """One call over several lines: its arguments on one line, or on one line each."""
    head, _, rest = code.partition("(")
    args = rest.removesuffix(")")
    if len(args) + 4 <= room:
        return (f"{head}(", f"    {args}", ")")
    lines = []
    for part in _split(args, ", "):
        broken = _break_call(part, room - 4) if len(part) + 5 > room else (part,)
        lines += [f"    {line}" for line in broken[:-1]] + [f"    {broken[-1]},"]
    return (f"{head}(", *lines, ")")


def _split(text: str, separator: str) -> list[str]:
    """The parts of a text between separators that are outside of all brackets."""
    parts, depth, start, i = [], 0, 0, 0
    while i < len(text):
        depth += (text[i] in "([{") - (text[i] in ")]}")
        if depth == 0 and text.startswith(separator, i):
            parts.append(text[start:i])
            i += len(separator)
            start = i
        else:
            i += 1
    return [*parts, text[start:]]
