"""Names: one word, one meaning, and no word of the private dialect that the code once had."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2] / "ismc"

BANNED = {
    "turned", "held", "kept", "told", "again", "whole", "alone", "left", "moved", "begun",
}  # fmt: skip

LAYERS = {"rules", "runtime"}
"""A rule and the function of generated programs that computes its layer have the layer's name."""

SHARED = {
    "calibrate": "the command `ismc calibrate` runs the function of this name",
    "convert": "the command `ismc convert` runs `ismc.convert`",
    "importance": "`ismc.demo.importance` is public; figures have a function for any score",
    "load_model": "`ismc.load_model` and `ismc.demo.load_model` are public",
    "main": "what `python -m` runs",
    "run": "the command `ismc run` and the public `ismc.demo.run`",
}
"""Names of public functions that several packages have, each with the reason."""


def words(name: str) -> set[str]:
    """The words of an identifier, in lower case."""
    return {word.lower() for word in re.split(r"_+|(?<=[a-z0-9])(?=[A-Z])", name) if word}


def definitions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The names that a module gives: of functions, classes, arguments, variables, attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.alias):
            yield node.asname or node.name.rpartition(".")[2], node.lineno
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr, node.lineno


def test_no_name_has_a_banned_word() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in sorted(ROOT.rglob("*.py"))
        for name, line in definitions(ast.parse(path.read_text()))
        if words(name) & BANNED
    ]
    assert not found, "\n".join(found)


def test_a_banned_word_is_found() -> None:
    tree = ast.parse("def f(kept_rows):\n    Moved = self.told = 1\n")
    assert [name for name, _ in definitions(tree) if words(name) & BANNED] == [
        "kept_rows", "Moved", "told",
    ]  # fmt: skip


def public_functions() -> dict[str, set[str]]:
    """The packages, or modules beside them, that define each public module-level function."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(ROOT.rglob("*.py")):
        package = path.relative_to(ROOT).parts[0].removesuffix(".py")
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                found[node.name].add(package)
    return found


def test_packages_share_no_name_without_a_reason() -> None:
    shared = {
        name: sorted(packages)
        for name, packages in public_functions().items()
        if len(packages) > 1 and not packages <= LAYERS
    }
    assert shared.keys() == SHARED.keys(), {
        name: packages for name, packages in shared.items() if name not in SHARED
    }
