"""The sites that `--start`, `--end` and `--sites` choose."""

from __future__ import annotations

from collections.abc import Sequence

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


def choose_sites(
    start: int | None, end: int | None, sites: str, length: int
) -> Sequence[int] | None:
    """The positions that options choose, ascending; ``None`` when none of them is given.

    Args:
        start: the first of a range.
        end: the position after its last.
        sites: positions and half-open ranges, as in ``12,40-60``.
        length: of a sequence.

    Raises:
        InputError: when they are not in a sequence of ``length``, or both ways are taken.
    """
    if not sites:
        return None if start is None and end is None else site_range(start, end, length)
    if start is not None or end is not None:
        raise InputError(
            "--sites is given with --start or --end, expected one way to choose.",
            hint="--sites takes ranges too: --sites 100-200,350.",
        )
    found: set[int] = set()
    for part in sites.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise InputError(
                f"--sites has {part!r}, expected a position or a range.",
                hint="For example --sites 12,40-60; positions count from 0.",
            )
        begin, stop = int(first), int(last) if dash else int(first) + 1
        if not 0 <= begin < stop <= length:
            raise InputError(
                f"--sites has {part!r}, expected positions from 0 to {length - 1}.",
                hint="The end of a range is not included.",
            )
        found.update(range(begin, stop))
    return sorted(found)
