"""Writes a bigWig file of what comes in: a process of its own, as it ends where the disk is full.

``python -m ismc.io.convert.bigwig_child PATH`` reads the names and lengths of chromosomes as a line
of JSON, and then runs: ``[chromosome, start, count]`` as a line of JSON, and as many float32. A
disk that is full may leave a file without a word, so all is read again and compared.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

import numpy as np

MAGIC = 4


def write(path: Path, source: BinaryIO) -> bool:
    """Writes the file; whether all of it is there when it is read again."""
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
    file, found = pyBigWig.open(str(path)), 0
    for run in runs:
        found = crc32(np.asarray(file.values(*run), np.float32).tobytes(), found)
    file.close()
    return found == total and _ends(path)


def _ends(path: Path) -> bool:
    """Whether the file ends as it begins, as the last that is written."""
    with path.open("rb") as file:
        begins = file.read(MAGIC)
        file.seek(-MAGIC, 2)
        return file.read() == begins


if __name__ == "__main__":
    sys.exit(0 if write(Path(sys.argv[1]), sys.stdin.buffer) else 1)
