"""Parses the options `--start`, `--end` and `--sites`."""

from __future__ import annotations

from collections.abc import Sequence

from ismc.errors import InputError


def site_range(start: int | None, end: int | None, length: int) -> range:
    """The positions ``[start, end)``, counted from 0; by default all.

    Raises:
        InputError: when the range is empty or reaches beyond a sequence of ``length``.
    """
    first, last = 0 if start is None else start, length if end is None else end
    problems = []
    if not 0 <= first < length:
        problems.append(f"--start is {first}, expected 0 to {length - 1}")
    if not 1 <= last <= length:
        problems.append(f"--end is {last}, expected 1 to {length}")
    if not problems and first >= last:
        problems.append(f"--start is {first} and --end is {last}, which contain no position")
    if problems:
        raise InputError(
            "; ".join(problems) + ".",
            hint=f"Positions count from 0, and --end is exclusive; sequences have {length} "
            "positions.",
        )
    return range(first, last)


def choose_sites(
    start: int | None, end: int | None, sites: str, length: int
) -> Sequence[int] | None:
    """The positions that the options choose, ascending; ``None`` if no option is given.

    Args:
        start: the first position of a range.
        end: the position after the range.
        sites: positions and half-open ranges, as in ``12,40-60``.
        length: the length of a sequence.

    Raises:
        InputError: when a position is beyond a sequence of ``length``, the text is malformed, or
            ``sites`` is combined with a range.
    """
    if not sites:
        return None if start is None and end is None else site_range(start, end, length)
    if start is not None or end is not None:
        raise InputError(
            "--sites is given with --start or --end, expected one of them.",
            hint="--sites takes ranges too: --sites 100-200,350.",
        )
    positions: set[int] = set()
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
                hint="The end of a range is exclusive.",
            )
        positions.update(range(begin, stop))
    return sorted(positions)
