"""The commands: set up the peers, race, check, and draw."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import environments, growth, pages, records
from benchmarks.environments import PEERS, python_of
from benchmarks.errors import BenchmarkError
from benchmarks.machine import machine
from benchmarks.race import race
from benchmarks.reporting import reporting
from benchmarks.rows import ROWS

RESULTS = Path("benchmarks/results")
RACES, GROWTH = RESULTS / "races-cpu2.json", RESULTS / "growth-cpu2.json"
CACHED, ELSEWHERE = RESULTS / "cached-cpu2.json", RESULTS / "elsewhere-cpu2.json"
LATENCY, PRECISION = RESULTS / "latency-cpu2.json", RESULTS / "precision-cpu2.json"
OVERHEAD, STREAM = RESULTS / "overhead-cpu2.json", RESULTS / "stream-cpu2.json"
ACCURACY = RESULTS / "accuracy-cpu2.json"
NAIVE = "naive"

app = typer.Typer(
    help="ismc beside the naive program and its peers, in one run.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Models = Annotated[
    list[str] | None, typer.Option("--models", metavar="NAME ..", help="Rows; all by default.")
]
Against = Annotated[
    list[str] | None,
    typer.Option(
        "--against", metavar="SIDE ..", help=f"naive, {', '.join(PEERS)}; all by default."
    ),
]
Rounds = Annotated[int, typer.Option("--rounds", min=1, help="Timings of each side.")]
Json = Annotated[Path | None, typer.Option("--json", help="Rows of this file are replaced.")]


@contextmanager
def _told() -> Iterator[None]:
    """Errors are told on stderr, without a traceback; the exit code is 2."""
    try:
        yield
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from error


@app.command()
def setup() -> None:
    """Build the environments of the peers; what is there stays."""
    with _told():
        environments.setup(print)


@app.command()
def run(
    models: Models = None, against: Against = None, rounds: Rounds = 5, json: Json = None
) -> None:
    """Race the sides: answers compared, then timed in turn."""
    with _told():
        measured(models or list(ROWS), PEERS if against is None else against, rounds, json)


@app.command()
def check(
    models: Models = None,
    against: Against = None,
    rounds: Rounds = 5,
    committed: Annotated[Path, typer.Option(help="The results to hold against.")] = RACES,
    results: Annotated[
        Path | None, typer.Option("--measured", help="Compare this file, and run nothing.")
    ] = None,
) -> None:
    """Compare ratios with the committed results; exits with 1 when one fell by over 20 %.

    By default the quick rows are run against the naive program, which must never be the faster.
    """
    with _told():
        if not committed.exists():
            raise BenchmarkError(f"There are no results {committed}.", hint="See --committed.")
        quick = [name for name, row in ROWS.items() if row.quick]
        now = (
            records.read(results)
            if results
            else measured(models or quick, against or [NAIVE], rounds, None)
        )
        problems = [*records.fallen(records.read(committed), now), *records.slower(now)]
        for problem in problems:
            print(problem)
    if problems:
        raise typer.Exit(1)
    count = len(list(records.ratios(now)))
    print(f"No ratio fell by more than {records.FALL:.0%}; {count} were measured.")


@app.command()
def grow(
    json: Annotated[Path, typer.Option("--json", help="The file to write.")] = GROWTH,
    rounds: Rounds = 3,
) -> None:
    """Time against length, batch, kernel and depth, with the naive program beside it."""
    with _told(), reporting(growth.count(), "growth") as (say, step):
        points = growth.measured(rounds, say, step)
        records.write(json, {"machine": machine(), "points": points})


@app.command()
def latency(
    json: Annotated[Path, typer.Option("--json", help="The file to write.")] = LATENCY,
) -> None:
    """One sequence a call, again and again: time of a call against time in XLA."""
    from benchmarks import latency as calls

    _each(calls, json)


@app.command()
def precision(
    json: Annotated[Path, typer.Option("--json", help="The file to write.")] = PRECISION,
) -> None:
    """Products in bfloat16 beside float32: time, and how far answers are off."""
    from benchmarks import precision as rounding

    _each(rounding, json)


@app.command()
def accuracy(
    models: Models = None,
    json: Annotated[Path, typer.Option("--json", help="The file to write.")] = ACCURACY,
    write: Annotated[
        bool, typer.Option("--write", help="Replace the table of docs/benchmarks.md.")
    ] = False,
) -> None:
    """Errors of ismc and of the naive float32 program against the model in float64.

    Rows of the file that are not measured stay; exits with 1 when one of ismc's is too large.
    """
    from benchmarks import accuracy as errors
    from benchmarks import zoo_table

    _each(errors, json, models)
    results = records.read(json)
    if write:
        text = zoo_table.markdown(records.read(zoo_table.ZOO), results)
        pages.write_table(pages.BENCHMARKS, "zoo", text)
    if problems := errors.too_large(results["rows"]):
        print("\n".join(problems), file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def overhead(
    json: Annotated[Path, typer.Option("--json", help="The file to write.")] = OVERHEAD,
) -> None:
    """From regions to a store, beside the bare calls of the program."""
    from benchmarks import overhead as what

    _each(what, json)


@app.command()
def stream(
    json: Annotated[Path, typer.Option("--json", help="The file to write.")] = STREAM,
) -> None:
    """Memory of runs over a thousand to a hundred thousand records."""
    from benchmarks import stream as what

    _each(what, json)


@app.command()
def cached(
    json: Annotated[Path, typer.Option("--json", help="The file to write.")] = CACHED,
) -> None:
    """From `ismc.compile` to the first result: cold, from the cache, from an artifact."""
    from benchmarks import cached as starts

    _each(starts, json)


@app.command()
def elsewhere(
    json: Annotated[Path, typer.Option("--json", help="The file to write.")] = ELSEWHERE,
) -> None:
    """Artifacts under JAX, where neither TensorFlow nor Keras is, against the answers here."""
    from benchmarks import elsewhere as runtime

    _each(runtime, json)


def _each(what: Any, file: Path, models: list[str] | None = None) -> None:
    """One record per model of a module, written and printed; of some, the others stay."""
    rows, chosen = [], models or what.MODELS
    with _told(), reporting(len(chosen), "models") as (say, step):
        _among(chosen, what.MODELS, "row")
        for model in chosen:
            say(str(model))
            rows.append(what.measured(model))
            step()
        about = {"machine": machine()}
        results = records.merged(file, about, rows) if models else {**about, "rows": rows}
        records.write(file, results)
    print(what.markdown(rows))


@app.command()
def plots(
    races: Annotated[Path, typer.Option(help="The results of `run`.")] = RACES,
    growing: Annotated[Path, typer.Option("--growth", help="The results of `grow`.")] = GROWTH,
    folder: Annotated[Path, typer.Option("--output", "-o", help="Where to draw.")] = RESULTS,
) -> None:
    """Draw the pictures of docs/benchmarks.md from the results that are there."""
    from benchmarks import plots as drawing

    for file, draw, name in ((races, drawing.bars, "races"), (growing, drawing.lines, "growth")):
        if file.exists():
            draw(records.read(file), folder / f"{name}.png")
            print(folder / f"{name}.png")


@app.command()
def table(
    races: Annotated[Path, typer.Option(help="The results of `run`.")] = RACES,
    write: Annotated[
        bool,
        typer.Option("--write", help="Replace the tables of README.md and of docs/benchmarks.md."),
    ] = False,
) -> None:
    """Print the results of races as a Markdown table, or write it into the pages."""
    from benchmarks.tables import markdown, summary

    results = records.read(races)
    if write:
        pages.write_table(pages.BENCHMARKS, "races", markdown(results))
        pages.write_table(pages.README, "speed", summary(results))
    else:
        print(markdown(results))


def measured(models: list[str], against: Any, rounds: int, json: Path | None) -> records.Record:
    """The results of some rows; written after each, where a file is named.

    Raises:
        BenchmarkError: when a name is unknown, or an environment is not built.
    """
    _known(models, against)
    about, rows = {"machine": machine()}, []
    with reporting(len(models), "rows") as (say, step):
        for name in models:
            row = ROWS[name]
            rows.append(race(name, row, against, rounds, lambda text: say(f"{row.title}: {text}")))  # noqa: B023
            step()
            print(sentence(rows[-1]), flush=True)
            if json:
                records.write(json, records.merged(json, about, rows))
    return {**about, "rows": rows}


def _known(models: list[str], against: Any) -> None:
    _among(models, list(ROWS), "row")
    _among(against, [NAIVE, *PEERS], "side")
    for side in against:
        python_of(side)


def _among(found: Any, known: Any, what: str) -> None:
    for name in found:
        if name not in known:
            raise BenchmarkError(f"There is no {what} {name!r}.", hint=", ".join(known))


def sentence(row: records.Record) -> str:
    """A row in words."""
    ours, naive = row["sides"]["ismc"], row["sides"]["naive"]
    compiled = ours["compile"]
    form = naive["variant"]
    text = [
        f"{row['title']}: {row['mutants']} mutants, ismc {ours['seconds']:.3f} s, "
        f"{ours['peak_mb']:.0f} MB, compiled in {compiled['total']:.1f} s",
        f"naive {naive['seconds']:.2f} s ({form['form']}, batch {form['batch']}, scaled from "
        f"{naive['timed']}), {row['speedups']['naive']:.1f} times faster",
    ]
    for name, side in row["sides"].items():
        if name not in ("ismc", "naive"):
            text.append(
                f"{name} cannot: {side['cannot']}"
                if "cannot" in side
                else f"{name} {side['seconds']:.2f} s, {row['speedups'][name]:.1f} times faster"
            )
    return "\n  ".join(text)
