"""What messages, docstrings and pages name exists: options of commands, arguments of calls."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import typer.main
from typer.testing import CliRunner

import ismc
from ismc.cli.app import app
from ismc.fastism import FastISM
from ismc.scores.registry import REGISTERED

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "ismc").rglob("*.py"))
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z_-]*[a-z]")
ARGUMENT = re.compile(r"(?<![\w.\[{'\"*-])([a-z_]+)=(?!=)")
CALL = re.compile(r"\b((?:ismc\.)?[A-Za-z_]+)\(([^()]*)\)")
OTHERS = (
    "pip install",
    "pre-commit",
    "ray start",
    "#SBATCH",
    "XLA",
    "tf_xla",
)  # programs of other people
OWN = {
    "tests.generators.check": "tests/generators/check.py",
    "pytest": "tests/conftest.py",
    "python -m benchmarks": "benchmarks",
}
SPEAKS_OF = {  # modules whose messages are read by users of these commands alone
    "io/convert/": ("convert", "report", "run"),  # "run again with"
    "cli/convert.py": ("convert",),
    "cli/plot": ("plot",),
    "cli/report.py": ("report",),
    "cli/run": ("run",),
    "cli/options.py": ("run",),
    "jobs/": ("run",),
}


def commands(command: Any, name: str = "") -> Iterator[tuple[str, set[str]]]:
    """Every command with its options."""
    yield name, {o for p in command.params for o in [*p.opts, *p.secondary_opts]} | {"--help"}
    for inner, one in getattr(command, "commands", {}).items():
        yield from commands(one, f"{name} {inner}".strip())


COMMANDS = dict(commands(typer.main.get_command(app)))
EVERY = set().union(*COMMANDS.values())


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """The strings of a module, docstrings and parts of f-strings among them, with their lines."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def docstrings(path: Path) -> set[str]:
    """The docstrings of a module."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, kinds)]
    return {ast.get_docstring(node, clean=False) or "" for node in nodes}


def test_every_module_that_speaks_to_one_command_exists() -> None:
    names = [str(path.relative_to(ROOT / "ismc")) for path in MODULES]
    assert not [part for part in SPEAKS_OF if not any(name.startswith(part) for name in names)]


def options_of(module: str) -> set[str]:
    """The options that a message of a module may name."""
    found = [names for part, names in SPEAKS_OF.items() if module.startswith(part)]
    return set().union(*(COMMANDS[name] for name in found[0])) if found else EVERY


def said_by(line: str) -> set[str]:
    """The options that a line of a page may name, by the program that it calls."""
    own = next((ROOT / path for name, path in OWN.items() if name in line), None)
    if own is not None:
        files = [own] if own.is_file() else sorted(own.rglob("*.py"))
        return EVERY | set(OPTION.findall("\n".join(file.read_text() for file in files)))
    return EVERY


def unknown_options(module: str, text: str) -> list[str]:
    """The options in a text that the commands it speaks of do not have."""
    if any(name in text for name in OTHERS):
        return []
    return [option for option in OPTION.findall(text) if option not in options_of(module)]


def arguments() -> set[str]:
    """The names of the arguments of everything public, of scores, and of Keras's calls."""
    public = [getattr(ismc, name) for name in ismc.__all__]
    public += [method for one in public if inspect.isclass(one) for method in vars(one).values()]
    public += [score.function for score in REGISTERED.values()]
    public += [FastISM]
    found = {"training", "mask", "targets", "track", "setting"}  # of layers; of scores, one made up
    for one in public:
        found |= set(inspect.signature(one).parameters) if callable(one) else set()
    return found


def unknown_arguments(text: str, known: set[str]) -> list[str]:
    """The arguments in a text that nothing has, or that the function it calls has not."""
    found = [name for name in ARGUMENT.findall(text) if name not in known]
    for called, given in CALL.findall(text):
        function = getattr(ismc, called.removeprefix("ismc."), None)
        if callable(function):
            own = set(inspect.signature(function).parameters)
            settings = "compile" if "settings" in own else ""
            own |= set(inspect.signature(ismc.compile).parameters) if settings else set()
            found += [name for name in ARGUMENT.findall(given) if name not in own]
    return found


def test_every_option_that_a_module_names_exists() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} {option}"
        for path in MODULES
        for line, text in texts(path)
        for option in unknown_options(str(path.relative_to(ROOT / "ismc")), text)
    ]
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_that_a_page_names_exists(page: Path) -> None:
    wrong = []
    for line in page.read_text().replace("\\\n", " ").splitlines():
        if any(name in line for name in OTHERS):
            continue
        wrong += [option for option in OPTION.findall(line) if option not in said_by(line)]
        for part in re.split(r"\bismc (?=[a-z])", line)[1:]:
            words = re.split(r"[`|&;#]", part)[0]
            name = next((n for n in sorted(COMMANDS, key=len, reverse=True)
                         if n and words.startswith(n)), None)  # fmt: skip
            own = COMMANDS[name] if name else EVERY
            wrong += [f"{name} {option}" for option in OPTION.findall(words) if option not in own]
    assert not wrong


def test_every_argument_that_a_message_names_exists() -> None:
    known = arguments()
    wrong = []
    for path in MODULES:
        about = docstrings(path)
        for line, text in texts(path):
            prose = " " in text and "ops." not in text and text not in about
            found = unknown_arguments(text, known) if prose else []
            wrong += [f"{path.relative_to(ROOT)}:{line} {name}=" for name in found]
    assert not wrong


def test_these_tests_see_what_is_wrong() -> None:
    assert unknown_options("io/convert/selection.py", "Choose with --head NAME.") == ["--head"]
    assert unknown_options("cli/plot.py", "Pass --genome.") == ["--genome"]
    assert not unknown_options("cli/run.py", "Pass --genome.")
    assert unknown_arguments("Compile with stopat=, or sites=.", arguments()) == ["stopat"]
    assert unknown_arguments("ismc.compile(model, genome=x)", arguments()) == ["genome"]


def test_a_store_of_two_outputs_says_how_to_choose(tmp_path: Path) -> None:
    x = keras.Input((20, 4))
    y = keras.layers.GlobalAveragePooling1D()(keras.layers.Conv1D(3, 3)(x))
    outputs = {name: keras.layers.Dense(1)(y) for name in ("one", "two")}
    sequences = np.eye(4, dtype=np.float32)[np.random.default_rng(0).integers(0, 4, (2, 20))]
    ismc.score(keras.Model(x, outputs), sequences, output=tmp_path / "two.zarr")
    asked = [
        "convert",
        str(tmp_path / "two.zarr"),
        "-o",
        str(tmp_path / "two.h5"),
        "--to",
        "basenji",
    ]
    refused = CliRunner().invoke(app, asked)
    assert refused.exit_code == 1
    (option,) = set(OPTION.findall(refused.output)) - {"--task"}
    for name in outputs:
        done = CliRunner().invoke(app, [*asked, option, name, "--overwrite"])
        assert done.exit_code == 0, done.output
