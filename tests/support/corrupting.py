"""What disks, transfers and editors do to files."""

from __future__ import annotations

import numpy as np


def corrupted(data: bytes, seed: int) -> bytes:
    """The bytes with one damage, drawn by the seed; they always differ."""
    rng = np.random.default_rng(seed)
    found = bytearray(data)
    while bytes(found) == data:
        start, stop = sorted(int(i) for i in rng.integers(0, len(data) + 1, 2))
        size = max(1, min(stop - start, 5000))
        other = int(rng.integers(0, len(data)))
        match rng.integers(0, 8):
            case 0:
                for place in rng.integers(0, len(data), rng.integers(1, 9)):
                    found[place] ^= 1 << int(rng.integers(0, 8))
            case 1:
                found[start : start + size] = rng.bytes(size)
            case 2:
                found[start:start] = rng.bytes(int(rng.integers(1, 99)))
            case 3:
                del found[start : start + size]
            case 4:
                first, second = found[start : start + size], found[other : other + size]
                found[start : start + size] = second
                found[other : other + len(first)] = first
            case 5:
                found = found[:start]
            case 6:
                found += rng.bytes(size)
            case _:
                found[start : start + size] = bytes(len(found[start : start + size]))
    return bytes(found)
