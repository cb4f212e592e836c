"""Passes as printed text, and goldens of the plan and the generated program.

``pytest --update`` writes the goldens anew.
"""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import ismc
from ismc.frontend.read import read
from ismc.ir.window import Span
from ismc.passes import PIPELINE, Pass, Program, Request
from ismc.plan.explain import table, verdict
from tests.support.models import every_form
from tests.zoo import ZOO

GOLDENS = Path(__file__).parent.parent / "goldens"


def stages(model: keras.Model) -> list[str]:
    """What is printed before the first pass and after each."""
    graph = read(model).graph
    program = Program(graph, Request(graph.inputs[0], (Span(3, 4), Span(20, 22)), graph.outputs))
    texts = [str(program)]
    for step in PIPELINE:
        program = step(program)
        texts.append(f"# after {step.__name__}\n{program}")
    return [*texts, table(program.plan)]


def place(name: str) -> int:
    """Which pass of the pipeline it is, from 1."""
    return [step.__name__ for step in PIPELINE].index(name) + 1


def check(name: str, text: str, update: bool) -> None:
    """Compares with a golden file, or writes it."""
    path = GOLDENS / name
    if update:
        GOLDENS.mkdir(exist_ok=True)
        path.write_text(text + "\n")
    assert path.read_text() == text + "\n", f"{name} changed; `pytest --update` if that is meant"


def test_every_pass_prints_what_it_found(request: pytest.FixtureRequest) -> None:
    check("small.txt", "\n\n".join(stages(every_form())), request.config.getoption("--update"))


@pytest.mark.parametrize("name", ["basset", "bpnet"])
def test_plan_and_program_of_known_models(name: str, request: pytest.FixtureRequest) -> None:
    update = request.config.getoption("--update")
    ism = ismc.compile(ZOO[name].build(), verify=False)
    check(f"{name}.plan.txt", ism.explain(), update)
    check(f"{name}.program.txt", ism.source, update)


def test_passes_do_not_change_what_they_are_given() -> None:
    graph = read(every_form()).graph
    program = Program(graph, Request(graph.inputs[0], (Span(3, 4),), graph.outputs))
    for step in PIPELINE:
        before = str(program)
        after = step(program)
        assert str(program) == before
        program = after


def test_each_pass_runs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def observed(step: Pass) -> Pass:
        ran.append(step.__name__)
        return step

    monkeypatch.setattr("ismc.passes.observe.observed", observed)
    ismc.compile(every_form(), verify=False)
    assert ran == [step.__name__ for step in PIPELINE]


def test_no_pass_calls_another() -> None:
    names = {step.__name__ for step in PIPELINE}
    for step in PIPELINE:
        tree = ast.parse(Path(inspect.getfile(step)).read_text())
        imported = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        assert not imported & names, step.__name__


def test_source_is_formatted_and_shown_by_inspect(tmp_path: Path) -> None:
    for entry in ("basset", "bpnet", "xpresso", "deepstarr", "danq", "spliceai"):
        ism = ismc.compile(ZOO[entry].model(small=True), verify=False)
        ast.parse(ism.source)
        path = tmp_path / f"{entry}.py"
        path.write_text(ism.source)
        command = [sys.executable, "-m", "ruff", "format", "--check", "--line-length", "100"]
        done = subprocess.run([*command, str(path)], capture_output=True, text=True)  # noqa: S603
        assert done.returncode == 0, done.stdout + done.stderr
        assert inspect.getsource(ism.program.build) in ism.source
        assert max(map(len, ism.source.splitlines())) <= 100


def test_dump_writes_every_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISMC_DUMP", str(tmp_path))
    ism = ismc.compile(every_form(), verify=False)
    ism.saturate(np.eye(4, dtype="float32")[np.zeros((1, 40), int)])
    names = sorted(path.name for path in tmp_path.iterdir())
    passes = [f"{i + 1}-{step.__name__}.txt" for i, step in enumerate(PIPELINE)]
    assert names == sorted([*passes, "plan.txt", "program.py", "program.stablehlo", "program.hlo"])
    assert "segment 0" in (tmp_path / "program.py").read_text()
    assert "stablehlo" in (tmp_path / "program.stablehlo").read_text()
    assert "width 1 of" in (tmp_path / f"{place('propagate')}-propagate.txt").read_text()


def test_debug_prints(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISMC_DEBUG", "1")
    ismc.compile(every_form(), verify=False)
    assert f"--- {place('segment')}-segment.txt" in capsys.readouterr().err


def test_a_program_that_disagrees_names_the_first_layer() -> None:
    class Blur(layers.Layer):
        def call(self, x: object) -> object:
            return x + keras.ops.roll(x, 1, axis=1)

    ismc.rule(Blur)(lambda _: ismc.Rule(ismc.Role.SEE_THROUGH))
    x = keras.Input((20, 4))
    y = layers.Conv1D(5, 3, activation="relu")(x)
    y = layers.Conv1D(5, 3, activation="relu")(Blur(name="blurry")(y))
    model = keras.Model(x, layers.GlobalMaxPooling1D(name="top")(y))
    with pytest.raises(ismc.VerificationError, match=r"output 'top'.*the first layer.*'blurry'"):
        ismc.compile(model)


def test_naive_where_nothing_is_gained() -> None:
    x = keras.Input((30, 4))
    y = layers.MultiHeadAttention(2, 8, name="attention")(x, x)
    model = keras.Model(x, layers.Dense(2)(layers.Flatten()(y)))
    ism = ismc.compile(model, verify=False)
    assert "each position attends to all others" in ism.explain()
    assert "no large gain is expected: attention" in ism.explain()
    assert ism.plan.operations[0] <= 1.05 * ism.plan.operations[1]


def test_what_explain_says_of_time_and_of_operations_agrees() -> None:
    plan = ismc.compile(_chain(), verify=False).plan
    ours, naive = plan.operations
    assert naive > 2 * ours
    assert f"{naive / ours:.1f} times fewer\n" in table(plan)
    said = verdict(replace(plan, seconds=(1.0, 3.0)))
    assert said == "predicted gain: 3.0 times"
    said = verdict(replace(plan, seconds=(1.0, 1.2)))  # fewer operations in the same time
    assert said.startswith("predicted gain: 1.2 times; the remaining operations take longer")
    lines = tuple(replace(line, operations=2 * line.naive) for line in plan.lines)
    more = replace(plan, seconds=(1.0, 1.2), lines=lines)
    assert verdict(more).startswith("no large gain is expected")
    assert "2.0 times more\n" in table(more)


def test_a_plan_is_printed_where_the_naive_program_needs_no_operations() -> None:
    plan = ismc.compile(_chain(), verify=False).plan
    lines = tuple(replace(line, naive=0) for line in plan.lines)
    assert "naive 0: the naive program needs none\n" in table(replace(plan, lines=lines))


def test_a_plan_is_printed_for_those_who_ask_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ISMC_DUMP", raising=False)
    monkeypatch.delenv("ISMC_DEBUG", raising=False)
    monkeypatch.setattr("ismc.passes.observe.table", lambda _: pytest.fail("it was printed"))
    ismc.compile(_chain(), verify=False)


def test_the_gain_is_that_of_all_sites() -> None:
    plan = ismc.compile(_chain(), verify=False).plan
    few = replace(plan, active=plan.active[:3], seconds=(1.0, 1.0))
    assert verdict(few) == f"predicted gain: {len(plan.sites) / 3:.1f} times"
    none = replace(plan, active=())
    assert verdict(none) == "no site reaches an output: nothing is computed for mutants"


def _chain() -> keras.Model:
    x = keras.Input((60, 4))
    y = layers.Conv1D(8, 5, activation="relu")(x)
    return keras.Model(x, layers.Conv1D(8, 3, activation="relu")(y))
