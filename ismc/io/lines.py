"""The lines of a text file, plain or compressed, with errors a user can act on."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ismc.errors import InputError

GZIP = b"\x1f\x8b"


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """The file as text with any line ends, decompressed if its first bytes are those of gzip.

    Bytes that are no UTF-8 become U+FFFD. Files of bgzip are files of gzip.

    Raises:
        InputError: when it is missing, no file, unreadable, or damaged, now or while it is read.
    """
    if path.is_dir():
        raise InputError(f"{path} is a directory, expected a FASTA file.", hint="Name one file.")
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == GZIP
        reading = gzip.open if zipped else open
        with reading(path, "rt", encoding="utf-8-sig", errors="replace") as file:
            yield file
    except FileNotFoundError as error:
        raise InputError(
            f"{path} does not exist, expected a FASTA file.", hint="Check the path."
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path} is damaged ({error}), expected a whole gzip file.",
            hint="Copy or download it again.",
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror or error}), expected a FASTA file.",
            hint="Check its permissions.",
        ) from error
