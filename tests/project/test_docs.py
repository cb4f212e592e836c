"""The code in the documentation runs, and does what the text around it says."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import keras
import numpy as np
import pytest

import ismc.rules.base

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
FENCED = re.compile(r"^```.*?^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
TITLE = re.compile(r"^#+ (.*)$", re.M)


@pytest.fixture
def _own_rules() -> Iterator[None]:
    """Forgets the rules that a page registers."""
    table = dict(ismc.rules.base._TABLE)
    yield
    ismc.rules.base._TABLE.clear()
    ismc.rules.base._TABLE.update(table)


def run(page: Path, **given: object) -> list[str]:
    """Runs every Python block of a page in one namespace; returns what each prints.

    Args:
        page: the file.
        given: names that the blocks take for known.

    Raises:
        AssertionError: with the line of the page that failed.
    """
    text = page.read_text()
    names: dict[str, object] = {"__name__": f"docs.{page.stem}", **given}
    printed = []
    for block in BLOCK.finditer(text):
        first = text.count("\n", 0, block.start(1))
        try:
            with redirect_stdout(StringIO()) as out:
                exec(compile("\n" * first + block[1], str(page), "exec"), names)  # noqa: S102
        except Exception as error:
            lines = [f.lineno for f in traceback.extract_tb(error.__traceback__)
                     if f.filename == str(page)]  # fmt: skip
            line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else lines[0]
            raise AssertionError(f"{page.name}:{line}: {type(error).__name__}: {error}") from error
        printed.append(out.getvalue())
    return printed


PRINTED = re.compile(r"^```python\n((?:(?!```).*\n)*)```\n\n```text\n((?:(?!```).*\n)*)```$", re.M)


def with_printed(page: Path) -> str:
    """The text of a page, with what its blocks of Python print in the blocks of text below them."""
    text = page.read_text()
    printed = {b.start(1): out for b, out in zip(BLOCK.finditer(text), run(page), strict=True)}
    pairs = list(PRINTED.finditer(text))
    assert pairs
    for pair in reversed(pairs):
        text = text[: pair.start(2)] + printed[pair.start(1)] + text[pair.end(2) :]
    return text


def test_a_conv1d_through_every_stage(pytestconfig: pytest.Config) -> None:
    """``pytest --update`` writes what the page's blocks print."""
    page = DOCS / "from_conv_to_program.md"
    text = with_printed(page)
    if pytestconfig.getoption("--update"):
        page.write_text(text)
    assert page.read_text() == text


def anchors(page: Path) -> set[str]:
    """The anchors of the titles of a page, as GitHub makes them."""
    titles = TITLE.findall(FENCED.sub("", page.read_text()))
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_are_there(page: Path) -> None:
    for path, anchor in LINK.findall(FENCED.sub("", page.read_text())):
        if path.startswith(("http:", "https:")):
            continue
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_lines_of_prose_are_short(page: Path) -> None:
    """Tables and pictures may be wider."""
    lines = FENCED.sub("", page.read_text()).splitlines()
    assert not [line for line in lines if len(line) > 100 and not line.startswith(("|", "!["))]


@pytest.mark.usefixtures("_own_rules")
def test_examples_of_the_readme() -> None:
    class AttentionPooling(keras.layers.Layer):
        """The mean of each window of two positions, weighted by its softmax."""

        pool_size = 2

        def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
            x = keras.ops.reshape(x, (-1, x.shape[1] // 2, 2, x.shape[2]))
            return keras.ops.sum(x * keras.ops.softmax(x, axis=2), axis=2)

    sequence = keras.Input((20, 4))
    model = keras.Model(sequence, keras.layers.Conv1D(2, 3)(sequence))
    x = np.eye(4, dtype="float32")[np.random.default_rng(0).integers(0, 4, (2, 20))]
    assert len(run(ROOT / "README.md", model=model, x=x, AttentionPooling=AttentionPooling)) == 2
    pooled = keras.layers.GlobalAveragePooling1D()(AttentionPooling(name="pool")(sequence))
    plan = ismc.compile(keras.Model(sequence, pooled)).plan
    assert [line.role for line in plan.lines if line.name == "pool"] == ["pooling"]


def test_examples_of_the_page_on_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path.cwd())  # the page changes it
    assert len(run(DOCS / "usage.md")) == 5


@pytest.mark.usefixtures("_own_rules")
def test_examples_of_the_page_on_rules() -> None:
    assert len(run(DOCS / "rules.md")) == 6


def test_examples_of_the_page_on_artifacts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path.cwd())  # the page changes it
    assert len(run(DOCS / "artifacts.md")) == 3


def test_examples_of_the_tutorial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(run(DOCS / "tutorial.md")) == 7
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
