"""The layout keeps its promises: import directions, small files, templates that only print."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import jinja2
import pytest

from tests.support.imports import ROOT, cycles, graph, imported, modules

FILES = sorted(modules().values())

RANKS = (
    {"errors"},
    {"ir"},
    {"rules"},
    {"plan"},
    {"runtime"},
    {"strategies"},
    {"passes", "codegen"},
    {"scores"},
    {"execution"},
    {"frontend"},
    {"artifacts"},
    {"ism"},
    {"verification", "tuning"},
    {"api"},
    {"io"},
    {"jobs"},
    {"fastism", "toolkits", "plot", "report"},
    {"demo", "cli"},
)
"""The folders and the public modules of ismc: each imports those above it here, and its own."""

PUBLIC = {"rules", "runtime", "strategies", "scores", "fastism", "plot", "report", "demo", "cli"}
"""Folders that users import from, call, or meet in generated programs."""

TENSORFLOW = (
    "artifacts/cache/cached.py",
    "artifacts/cache/environment.py",
    "artifacts/cache/fingerprint",
    "demo",
    "execution/lowering.py",
    "execution/on_tensorflow.py",
    "execution/weights.py",
    "frontend",
    "ism/checking/cached_programs.py",
    "ism/checking/sensitivity.py",
    "ism/program.py",
    "ism/naive.py",
    "ism/profile.py",
    "ism/saved_model.py",
    "runtime",
    "strategies",
    "tuning",
    "verification",
)
"""Where TensorFlow and Keras may be imported on import: all else loads artifacts without them."""


def part(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def rank(name: str) -> int:
    return next(i for i, names in enumerate(RANKS) if name in names)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_downwards(path: Path) -> None:
    """Those inside functions and for type checkers too."""
    if path.parent == ROOT and path.stem in ("__init__", "_version"):
        return  # public names are imported from everywhere; the version imports nothing
    for module, line in imported(path):
        names = module.split(".")
        if names[0] != "ismc" or names[1:2] == ["_version"]:
            continue
        assert len(names) > 1, f"{path}:{line} imports the package; import the module"
        assert rank(names[1]) <= rank(part(path)), f"{path}:{line} imports {module}"


def test_no_modules_import_one_another() -> None:
    assert cycles(graph()) == []


def test_a_cycle_is_found() -> None:
    knot = graph()
    knot.add_edge("ismc.ir.graph", "ismc.api")
    (found,) = cycles(knot)
    assert {"ismc.ir.graph", "ismc.api"} <= {*found}


def test_every_module_has_a_folder() -> None:
    """Beside the folders of the ranks there are the public modules alone."""
    top = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert top - {"__pycache__"} == {"__init__", "_version"}.union(*RANKS)
    folders = {name for names in RANKS for name in names if (ROOT / name).is_dir()}
    assert len(folders - PUBLIC) <= 12


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_tensorflow_stays_where_it_belongs(path: Path) -> None:
    heavy = [
        m for m, _ in imported(path, anywhere=False) if m.split(".")[0] in ("tensorflow", "keras")
    ]
    name = path.relative_to(ROOT)
    allowed = any(name.is_relative_to(place) for place in TENSORFLOW)
    assert not heavy or allowed, f"{path} imports {heavy}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_are_one_thing(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 320
    assert path.stem not in ("utils", "common", "helpers", "misc")


def test_the_page_has_a_paragraph_on_each_entry_and_the_picture_of_the_ranks() -> None:
    page = (ROOT.parent / "docs" / "architecture.md").read_text()
    picture = page.split("```text\n")[1].split("```")[0]
    assert tuple(set(line.split()) for line in picture.splitlines()) == RANKS
    paragraphs = set(re.findall(r"^\* `(\w+)(?:/|\.py)`", page, re.M))
    assert paragraphs | {"report", "toolkits", "demo"} == set().union(*RANKS)
    assert all(f"`{name}" in page for name in ("report/", "toolkits.py", "demo/"))


def test_import_is_light() -> None:
    code = (
        "import sys, ismc; heavy = {'tensorflow', 'keras', 'networkx'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


def test_each_class_has_its_rule_in_one_place() -> None:
    names: dict[str, Path] = {}
    for path in (ROOT / "rules").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "describe"):
                continue
            for arg in node.args:
                if isinstance(arg, ast.Constant):
                    assert arg.value not in names, f"{arg.value} in {names[arg.value]} and {path}"
                    names[arg.value] = path
    assert len(names) > 30


def test_templates_do_not_compute() -> None:
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)  # noqa: S701
    allowed = (
        jinja2.nodes.Template, jinja2.nodes.Output, jinja2.nodes.TemplateData, jinja2.nodes.Getattr,
        jinja2.nodes.Name, jinja2.nodes.For, jinja2.nodes.If, jinja2.nodes.Not,
        jinja2.nodes.Const, jinja2.nodes.CondExpr,
    )  # fmt: skip
    for path in ROOT.rglob("*.jinja"):
        tree = environment.parse(path.read_text())
        bad = [node for node in tree.find_all(jinja2.nodes.Node) if not isinstance(node, allowed)]
        assert not bad, f"{path}: {bad}"


def test_pass_order_is_the_one_the_readme_lists() -> None:
    from ismc.passes import PIPELINE

    readme = (ROOT.parent / "README.md").read_text()
    places = [readme.index(f"`{step.__name__}`") for step in PIPELINE]
    assert places == sorted(places)
