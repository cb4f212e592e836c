"""Breaks long statements as the project's formatter does."""

from __future__ import annotations

WIDTH = 100


def statement(code: str, comment: str, indent: int) -> tuple[str, ...]:
    """The lines of one assignment, without indentation, with its comment where it fits.

    >>> statement("a = f(b)", "[N, 3]", 4)
    ('a = f(b)  # [N, 3]',)
    """
    room = WIDTH - indent
    line = f"{code}  # {comment}"
    if len(line) <= room:
        return (line,)
    if len(code) <= room:
        return (f"# {comment}", code)
    return (f"# {comment}", *_broken(code, room))


def _broken(code: str, room: int) -> tuple[str, ...]:
    """One statement over several lines: sums at their operators, calls at their arguments."""
    target, value = code.split(" = ", 1)
    for operator in (" + ", " - "):
        parts = _split(value, operator)
        if len(parts) == 2 and parts[1].endswith(")"):
            head = f"{target} = {parts[0]}{operator}{parts[1].partition('(')[0]}("
            if len(head) <= room:  # the formatter breaks the last call where the rest fits
                first, *rest = _call(parts[1], room)
                return (f"{target} = {parts[0]}{operator}{first}", *rest)
        if len(parts) > 1:
            inner = [f"    {parts[0]}", *(f"    {operator.strip()} {part}" for part in parts[1:])]
            return (f"{target} = (", *inner, ")")
    first, *rest = _call(value, room)
    return (f"{target} = {first}", *rest)


def _call(code: str, room: int) -> tuple[str, ...]:
    """One call over several lines: its arguments on one line, or on one each."""
    head, _, rest = code.partition("(")
    args = rest.removesuffix(")")
    if len(args) + 4 <= room:
        return (f"{head}(", f"    {args}", ")")
    lines = []
    for part in _split(args, ", "):
        broken = _call(part, room - 4) if len(part) + 5 > room else (part,)
        lines += [f"    {line}" for line in broken[:-1]] + [f"    {broken[-1]},"]
    return (f"{head}(", *lines, ")")


def _split(text: str, separator: str) -> list[str]:
    """Splits where no bracket is open."""
    parts, depth, begin, i = [], 0, 0, 0
    while i < len(text):
        depth += (text[i] in "([{") - (text[i] in ")]}")
        if depth == 0 and text.startswith(separator, i):
            parts.append(text[begin:i])
            i += len(separator)
            begin = i
        else:
            i += 1
    return [*parts, text[begin:]]
