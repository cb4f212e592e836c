"""Lines and tables of text files, plain or compressed, with errors that users can act on."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ismc.errors import InputError
from ismc.io.extras import extras

if TYPE_CHECKING:
    import pandas

GZIP = b"\x1f\x8b"


@contextmanager
def open_text(path: Path, kind: str = "a FASTA file") -> Iterator[TextIO]:
    """Opens a file as text with any line ends; decompresses gzip, and bgzip, by the first bytes.

    Bytes that are not UTF-8 become U+FFFD.

    Args:
        path: the file.
        kind: what is expected, for messages.

    Raises:
        InputError: when the file is missing, a directory, unreadable, or damaged; the latter two
            may be raised while it is read.
    """
    if path.is_dir():
        raise InputError(f"{path} is a directory, expected {kind}.", hint="Name one file.")
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == GZIP
        open_file = gzip.open if zipped else open
        with open_file(path, "rt", encoding="utf-8-sig", errors="replace") as file:
            yield file
    except FileNotFoundError as error:
        raise InputError(
            f"{path} does not exist, expected {kind}.", hint="Check the path."
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path} is damaged ({error}), expected a complete gzip file.",
            hint="Copy or download it again.",
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror or error}), expected {kind}.",
            hint="Check its permissions.",
        ) from error


def read_table(
    path: Path, kind: str, width: int, *, comments: str = "#", spaces: bool = False
) -> pandas.DataFrame:
    """The first columns of a file without a header line, as text; parsed by pandas.

    The index is the line number, counted from 1. Blank lines and comments are dropped. Missing
    fields are empty strings.

    Args:
        path: the file, plain or compressed.
        kind: what is expected, for messages.
        width: the number of columns to read.
        comments: a pattern that matches the start of a comment's first column.
        spaces: whether spaces separate columns if the first line has no tab.

    Raises:
        InputError: as for `open_text`, and when the file has no lines of data.
    """
    with extras():
        import pandas
    tabs = not spaces or _has_tabs(path, kind, re.compile(comments))
    with open_text(path, kind) as file:
        header = ("\t" if tabs else " ").join(f"c{i}" for i in range(width))
        stream: Any = _WithHeader(header + "\n", file)
        try:
            frame: Any = pandas.read_csv(
                stream,
                sep="\t" if tabs else r"\s+",
                usecols=range(width),
                index_col=False,
                dtype=str,
                na_filter=False,
                skip_blank_lines=False,
                quoting=3,  # quotes are ordinary characters
            )
        except pandas.errors.ParserError as error:
            raise InputError(
                f"{path} cannot be parsed ({error}), expected {kind}.", hint="Check the file."
            ) from error
    frame.index += 1
    frame = frame.apply(lambda column: column.str.strip())
    frame = frame[~(frame == "").all(axis=1) & ~frame["c0"].str.match(comments)]
    if frame.empty:
        problem = "holds only comments and blank lines" if path.stat().st_size else "is empty"
        raise InputError(f"{path} {problem}, expected {kind}.", hint="Check the file.")
    return frame


def missing_column(fields: Sequence[str], expected: int) -> str:
    """A phrase on the first empty column of a line."""
    first = next(i for i, field in enumerate(fields) if not field)
    if any(fields[first:]):
        return f"column {first + 1} is empty"
    columns = f"{first} column" + "s" * (first != 1)
    return f"has {columns}, expected {expected} or more, separated by tabs"


class _WithHeader:
    """A file with a header line before its first line, from which pandas counts the columns."""

    def __init__(self, header: str, file: TextIO) -> None:
        self._header, self._file = header, file

    def read(self, size: int = -1) -> str:
        header, self._header = self._header, ""
        return header or self._file.read(size)

    def __iter__(self) -> Iterator[str]:
        yield self.read(0)
        yield from self._file


def _has_tabs(path: Path, kind: str, comment: re.Pattern[str]) -> bool:
    with open_text(path, kind) as file:
        first = (line for line in file if line.strip() and not comment.match(line.strip()))
        return "\t" in next(first, "\t").strip()
