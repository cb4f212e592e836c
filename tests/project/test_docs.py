"""The code in the documentation runs, and does what the text around it says."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

import ismc.rules.base

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)


@pytest.fixture
def _own_rules() -> Iterator[None]:
    """Forgets the rules that a page registers."""
    table = dict(ismc.rules.base._TABLE)
    yield
    ismc.rules.base._TABLE.clear()
    ismc.rules.base._TABLE.update(table)


def run(page: Path) -> int:
    """Runs every Python block of a page in one namespace, and counts them.

    Raises:
        AssertionError: with the line of the page that failed.
    """
    text = page.read_text()
    names: dict[str, object] = {"__name__": f"docs.{page.stem}"}
    blocks = list(BLOCK.finditer(text))
    for block in blocks:
        first = text.count("\n", 0, block.start(1))
        try:
            exec(compile("\n" * first + block[1], str(page), "exec"), names)  # noqa: S102
        except Exception as error:
            lines = [f.lineno for f in traceback.extract_tb(error.__traceback__)
                     if f.filename == str(page)]  # fmt: skip
            line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else lines[0]
            raise AssertionError(f"{page.name}:{line}: {type(error).__name__}: {error}") from error
    return len(blocks)


@pytest.mark.usefixtures("_own_rules")
def test_examples_of_the_page_on_rules() -> None:
    assert run(DOCS / "rules.md") == 6


def test_examples_of_the_page_on_artifacts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path.cwd())  # the page changes it
    assert run(DOCS / "artifacts.md") == 3


def test_examples_of_the_tutorial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(DOCS / "tutorial.md") == 7
    for name in ("clusters.png", "heatmap.png", "tracks.png", "logo.png", "out/ap1.attr.npz"):
        assert (tmp_path / name).stat().st_size > 1000


def test_failure_names_its_line(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```python\nx = 1\n```\n\nText.\n\n```python\n\nassert x == 2\n```\n")
    with pytest.raises(AssertionError, match=r"^page.md:11: AssertionError"):
        run(page)
    page.write_text("```python\nx = (\n```\n")
    with pytest.raises(AssertionError, match=r"^page.md:2: SyntaxError"):
        run(page)
