"""Writes a bigWig from standard input, in its own process: a full disk ends that process.

``python -m ismc.io.convert.bigwig_child PATH`` reads the names and lengths of chromosomes as a line
of JSON, and then runs: ``[chromosome, start, count]`` as a line of JSON, then ``count`` float32. On
a full disk pyBigWig may fail silently, so the file is read back and compared.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

import numpy as np

MAGIC_BYTES = 4


def write(path: Path, source: BinaryIO) -> bool:
    """Writes the file, and returns whether it is complete when read back."""
    import pyBigWig

    file = pyBigWig.open(str(path), "w")
    file.addHeader([(name, size) for name, size in json.loads(source.readline())])
    runs, total = [], 0
    for line in source:
        chrom, start, count = json.loads(line)
        values = source.read(4 * count)
        numbers = np.frombuffer(values, np.float32).tolist()  # pyBigWig may be built without NumPy
        file.addEntries(chrom, start, values=numbers, span=1, step=1)
        runs.append((chrom, start, start + count))
        total = crc32(values, total)
    file.close()
    file, actual = pyBigWig.open(str(path)), 0
    for run in runs:
        actual = crc32(np.asarray(file.values(*run), np.float32).tobytes(), actual)
    file.close()
    return actual == total and _ends(path)


def _ends(path: Path) -> bool:
    """Whether the file ends with the magic number of its beginning, which is written last."""
    with path.open("rb") as file:
        magic = file.read(MAGIC_BYTES)
        file.seek(-MAGIC_BYTES, 2)
        return file.read() == magic


if __name__ == "__main__":
    sys.exit(0 if write(Path(sys.argv[1]), sys.stdin.buffer) else 1)
