"""The benchmarks' arithmetic, protocol and messages; nothing here is timed."""

from __future__ import annotations

import doctest
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import environments, pages, plots, race, records, tables
from benchmarks.__main__ import spread
from benchmarks.cli import RACES, app, sentence
from benchmarks.environments import PEERS, python_of
from benchmarks.errors import BenchmarkError, SideError
from benchmarks.protocol import Worker
from benchmarks.rows import ROWS
from benchmarks.sides.serving import answered
from tests.zoo import ZOO

ROOT = Path(__file__).parents[2]
FAKE = """
from benchmarks.sides.serving import serve

def load(request):
    print("a library says something on stdout")
    return {"sum": request["a"] + request["b"]}

def fail(request):
    raise ValueError("no such layer")

def fall(request):
    import os, sys
    print("the last words", file=sys.stderr)
    os._exit(3)

def wait(request):
    import time
    time.sleep(60)

serve({"load": load, "fail": fail, "fall": fall, "wait": wait})
"""


def fake(patience: float = 60.0) -> Worker:
    return Worker([sys.executable, "-c", FAKE], patience)


def side(seconds: float, **more: Any) -> dict[str, Any]:
    rounds = [{"seconds": seconds, "peak_mb": 100.0, "timed": "all mutants"}]
    return {**records.summed_up(rounds), **more}


def results(naive: float = 9.0) -> dict[str, Any]:
    parts = {"codegen": 0.1, "trace": 0.2, "xla": 0.3, "total": 0.6}
    sides = {
        "ismc": side(1.0, compile=parts),
        "naive": side(naive, variant={"form": "predict", "batch": 32}),
        "fastism": side(2.0),
        "yuzu": {"cannot": "ValueError: no chain"},
    }
    row = {
        "row": "basset",
        "title": "Basset",
        "mutants": 3000,
        "share": 0.5,
        "sides": sides,
        "speedups": records.speedups(sides),
    }
    return {"machine": {"processor": "a processor", "cores": 2}, "rows": [row]}


@pytest.mark.parametrize(
    "name", ["__main__", "environments", "pages", "race", "records", "sides.serving", "tables"]
)
def test_examples(name: str) -> None:
    assert doctest.testmod(import_module(f"benchmarks.{name}")).failed == 0


def test_every_row_is_of_a_known_model() -> None:
    own = {"package_basset"}
    assert {row.model for row in ROWS.values()} <= {*ZOO, *own}
    assert all(set(row.against) <= set(PEERS) for row in ROWS.values())
    assert any(row.quick for row in ROWS.values())


def test_medians_and_ratios() -> None:
    replies = [{"seconds": s, "peak_mb": 10 * s, "timed": "8 sites"} for s in (3.0, 1.0, 2.0)]
    assert records.summed_up(replies) == {
        "seconds": 2.0,
        "rounds": [3.0, 1.0, 2.0],
        "peak_mb": 30.0,
        "timed": "8 sites",
    }
    assert list(records.ratios(results())) == [
        ("basset", "faster than naive", 9.0),
        ("basset", "faster than fastism", 2.0),
        ("basset", "share of the product rate", 0.5),
    ]


def test_a_fall_of_a_fifth_is_allowed_and_no_more() -> None:
    assert records.fallen(results(), results(naive=7.3)) == []
    (problem,) = records.fallen(results(), results(naive=7.1))
    assert problem.startswith("basset: faster than naive fell from 9 to 7.1, by 21%")


def test_the_naive_program_may_not_be_faster() -> None:
    assert records.slower(results(naive=0.96)) == []
    (problem,) = records.slower(results(naive=0.94))
    assert problem == "basset: 0.94 times as fast as the naive program, expected at least 0.95."


def test_a_side_that_cannot_run_any_more_has_fallen() -> None:
    now = results()
    now["rows"][0]["sides"]["fastism"] = {"cannot": "an error"}
    del now["rows"][0]["speedups"]["fastism"]
    assert records.fallen(results(), now) == [
        "basset: faster than fastism was 2, and was not measured now."
    ]


def test_rows_and_sides_that_were_not_tried_have_not_fallen() -> None:
    now = results()
    del now["rows"][0]["sides"]["fastism"], now["rows"][0]["speedups"]["fastism"]
    assert records.fallen(results(), now) == []
    assert records.fallen(results(), {"rows": []}) == []


@pytest.mark.parametrize(("naive", "code"), [(9.0, 0), (5.0, 1)])
def test_check_exits_with_an_error_when_a_ratio_falls(
    tmp_path: Path, naive: float, code: int
) -> None:
    committed, measured = tmp_path / "committed.json", tmp_path / "measured.json"
    records.write(committed, results())
    records.write(measured, results(naive))
    call = ["check", "--committed", str(committed), "--measured", str(measured)]
    found = CliRunner().invoke(app, call)
    assert found.exit_code == code
    assert ("fell from 9 to 5" in found.output) == bool(code)


def test_rows_measured_anew_replace_those_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    rows = [{"row": name, "value": 1} for name in ("a", "b")]
    records.write(file, records.merged(file, {"machine": 1}, rows))
    new = [{"row": "b", "value": 2}, {"row": "c", "value": 2}]
    found = records.merged(file, {"machine": 2}, new)
    assert found == {
        "machine": 2,
        "rows": [{"row": "a", "value": 1}, *new],
    }


def test_a_side_answers_and_tells_its_errors() -> None:
    with fake() as worker:
        reply = worker.ask("load", a=1, b=2)
        assert reply["sum"] == 3
        assert reply["peak_mb"] > 1
        with pytest.raises(SideError, match="ValueError: no such layer"):
            worker.ask("fail")
        assert worker.ask("load", a=2, b=2)["sum"] == 4
        with pytest.raises(SideError, match=r"ended with code 3: .*the last words"):
            worker.ask("fall")
        with pytest.raises(SideError, match="ended with code 3"):
            worker.ask("load", a=1, b=2)


def test_an_error_without_a_text_is_told_by_its_line() -> None:
    def fail(request: dict[str, Any]) -> dict[str, Any]:
        raise ValueError(*request["words"])

    silent, spoken = ({"op": "fail", "words": words} for words in ([], ["no such layer"]))
    assert answered({"fail": fail}, spoken) == {"error": "ValueError: no such layer"}
    line = 'raise ValueError(*request["words"])'
    assert answered({"fail": fail}, silent) == {"error": f"ValueError: {line}"}


def test_a_side_that_takes_too_long_is_told() -> None:
    with fake() as worker:
        worker.ask("load", a=1, b=2)
        worker.patience = 0.1
        with pytest.raises(SideError, match="'wait' took more than 0 s"):
            worker.ask("wait")


@pytest.mark.parametrize("peer", PEERS)
def test_a_missing_environment_names_the_command(tmp_path: Path, peer: str) -> None:
    with pytest.raises(BenchmarkError, match=r"Hint: python -m benchmarks setup"):
        python_of(peer, tmp_path)


def test_an_unfinished_environment_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "torch"
    folder.mkdir()
    (folder / environments.STAMP).write_text(json.dumps(["torch==1.0"]))
    with pytest.raises(BenchmarkError, match=r"'torch' of yuzu is not built"):
        python_of("yuzu", tmp_path)


def test_run_without_environments_exits(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> str:
        raise BenchmarkError("It is not built.", hint="python -m benchmarks setup")

    monkeypatch.setattr("benchmarks.cli.python_of", missing)
    found = CliRunner().invoke(app, ["run", "--models", "basset", "--against", "fastism"])
    assert found.exit_code == 2
    assert "Hint: python -m benchmarks setup" in found.output


@pytest.mark.parametrize("option", ["--models", "--against"])
def test_unknown_names_are_told(option: str) -> None:
    found = CliRunner().invoke(app, ["run", option, "nothing"])
    assert found.exit_code == 2
    assert "'nothing'" in found.output
    assert "Hint: " in found.output


def test_options_with_several_values() -> None:
    assert spread(["run", "--against", "naive", "yuzu", "--json", "x"]) == [
        "run", "--against", "naive", "--against", "yuzu", "--json", "x",
    ]  # fmt: skip


def test_errors_are_relative_to_the_largest_value() -> None:
    wanted = [np.array([0.0, 4.0]), np.array([2.0])]
    assert race.error([np.array([0.0, 4.2]), np.array([2.0])], wanted) == pytest.approx(0.05)
    assert race.error(wanted[:1], wanted) == float("inf")


def test_distances_are_over_all_outputs() -> None:
    mutants = [np.array([[[3.0], [0.0]]]), np.array([[[4.0], [0.0]]])]
    found = race.distances(mutants, [np.zeros(1), np.zeros(1)])
    assert found.tolist() == [[5.0, 0.0]]


def test_sentences_tables_and_pictures(tmp_path: Path) -> None:
    found = results()
    assert "9.0 times faster" in sentence(found["rows"][0])
    text = tables.markdown(found)
    assert "**9.0x**" in text
    assert "* yuzu, Basset: ValueError: no chain" in text
    plots.bars(found, tmp_path / "races.png")
    point = {"title": "Basset", "ismc_seconds": 1.0, "naive_seconds": 2.0}
    points = [{**point, "axis": "length", "value": value} for value in (250, 500)]
    plots.lines({**found, "points": points}, tmp_path / "growth.png")
    assert {file.name for file in tmp_path.iterdir()} == {"races.png", "growth.png"}


def test_the_tables_of_races_are_made_of_the_committed_results() -> None:
    found = records.read(ROOT / RACES)
    assert pages.written("races", tables.markdown(found)) in (ROOT / pages.BENCHMARKS).read_text()
    assert pages.written("speed", tables.summary(found)) in (ROOT / pages.README).read_text()


def test_table_writes_both_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = records.read(ROOT / RACES)
    monkeypatch.chdir(tmp_path)
    pages.BENCHMARKS.parent.mkdir()
    pages.BENCHMARKS.write_text(pages.written("races", "old"))
    pages.README.write_text(f"first\n\n{pages.written('speed', 'old')}\n\nlast\n")
    done = CliRunner().invoke(app, ["table", "--races", str(ROOT / RACES), "--write"])
    assert done.exit_code == 0, done.output
    assert pages.BENCHMARKS.read_text() == pages.written("races", tables.markdown(found))
    text = pages.written("speed", tables.summary(found))
    assert pages.README.read_text() == f"first\n\n{text}\n\nlast\n"


@pytest.mark.parametrize(
    "text", ["nothing", "<!-- zoo table -->", "<!-- /zoo table --> <!-- zoo table -->"]
)
def test_a_page_without_both_comments_is_refused(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(SystemExit, match=r"page\.md has no single pair of <!-- zoo table -->"):
        pages.write_table(page, "zoo", "new")
    assert page.read_text() == text


def test_tables_of_latency_and_precision() -> None:
    from benchmarks import latency, precision

    call = {"model": "m", "mutants": 3, "call_seconds": 0.01, "xla_seconds": 0.009}
    call |= {"call_seconds_while_profiled": 0.012, "traces_in_calls": 0, "traces_of_batches": 2}
    assert "| m | 3 | 10.00 | 12.00 | 75% | 0 | 2 |" in latency.markdown([call])
    rounded = {"model": "m", "seconds": {"float32": 0.3, "bfloat16": 0.2}, "error": 0.004}
    assert "| m | 0.3000 | 0.2000 | 1.50 | 4.0e-03 |" in precision.markdown([rounded])


def test_latency_counts_traces() -> None:
    from benchmarks import latency

    found = latency.measured("attention_pool_net")
    assert found["traces_in_calls"] == 0
    assert 0 < found["xla_seconds"] <= found["call_seconds_while_profiled"]
    assert 1 <= found["traces_of_batches"] <= 4  # buckets of 1, 2, 4 and 8 sequences
