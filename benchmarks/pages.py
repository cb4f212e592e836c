"""Tables of committed results, written between comments of the pages that show them."""

from __future__ import annotations

from pathlib import Path

README, BENCHMARKS = Path("README.md"), Path("docs/benchmarks.md")


def markers(name: str) -> tuple[str, str]:
    """The comments around a table.

    >>> markers("races")
    ('<!-- races table -->', '<!-- /races table -->')
    """
    return f"<!-- {name} table -->", f"<!-- /{name} table -->"


def written(name: str, text: str) -> str:
    """A table with the comments around it, as it stands in its page."""
    begin, end = markers(name)
    return f"{begin}\n{text}\n{end}"


def write_table(page: Path, name: str, text: str) -> None:
    """Replaces the table ``name`` of a page.

    Raises:
        SystemExit: when the page does not have each comment once, in order.
    """
    before, (begin, end) = page.read_text(), markers(name)
    head, _, rest = before.partition(begin)
    _, closed, tail = rest.partition(end)
    if before.count(begin) != 1 or before.count(end) != 1 or not closed:
        raise SystemExit(f"{page.name} has no single pair of {begin} and {end}.")
    page.write_text(head + written(name, text) + tail)
