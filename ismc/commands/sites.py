"""The sites that `--start` and `--end` choose."""

from __future__ import annotations

from ismc.errors import InputError


def site_range(start: int | None, end: int | None, length: int) -> range:
    """The positions ``[start, end)``, counted from 0; all of them by default.

    Raises:
        InputError: when they are not in a sequence of ``length``, or hold no position.
    """
    first, last = 0 if start is None else start, length if end is None else end
    problems = []
    if not 0 <= first < length:
        problems.append(f"--start is {first}, expected 0 to {length - 1}")
    if not 1 <= last <= length:
        problems.append(f"--end is {last}, expected 1 to {length}")
    if not problems and first >= last:
        problems.append(f"--start is {first} and --end is {last}, which hold no position")
    if problems:
        raise InputError(
            "; ".join(problems) + ".",
            hint=f"Positions count from 0, --end is not included; sequences have {length}.",
        )
    return range(first, last)
