"""The table of architectures: what compiles, how exactly, and how much faster than naive.

    python -m benchmarks.zoo --models basset danq --json zoo.json --markdown zoo.md
    python -m benchmarks.zoo --spliceai --write

One sequence, all three alternatives at every site; where that takes too long or its answer is too
large, at windows of consecutive sites spread over the sequence, both ends among them. The naive
program is timed as in `python -m benchmarks run`: each form at its best batch, on some mutants,
scaled to all of them, alternating with ours, medians.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import ismc
from benchmarks.naive import gemm_rate, naive_forms, timed
from benchmarks.pages import BENCHMARKS, write_table
from benchmarks.records import read, write
from benchmarks.zoo_table import ACCURACY, markdown
from ismc.plan.explain import verdict
from tests.zoo import ARCHITECTURES, Entry, random_inputs

RUN, SWEEP, NAIVE, RACE = 20.0, 25.0, 6.0, 45.0  # seconds: ours, all batches, naive, all rounds
LONG = 120.0  # seconds after which ours is not run a second time
SLOWER = 2.5  # measured seconds of ours over those the plan predicts, so far
ANSWER = 400e6  # bytes
BATCHES = (8, 32, 128)
CHECKED, WINDOWS, ROUNDS = 8, 8, 5

Array = np.ndarray
Record = dict[str, Any]


def say(*words: Any) -> None:
    """Progress, on stderr."""
    print(*words, file=sys.stderr, flush=True)


def windows(length: int, count: int) -> list[int] | None:
    """About ``count`` sites in windows of consecutive ones, or ``None`` when that is all.

    >>> windows(100, 24)[:4], windows(100, 24)[-4:], len(windows(100, 24))
    ([0, 1, 2, 14], [85, 97, 98, 99], 24)
    """
    if count >= length:
        return None
    each = max(1, count // WINDOWS)
    starts = np.linspace(0, length - each, min(WINDOWS, count)).round().astype(int)
    return sorted({int(start) + i for start in starts for i in range(each)})


def affordable(ism: ismc.CompiledISM, seconds: float) -> int:
    """How many sites fit the time that the plan predicts and the bytes of an answer."""
    bytes_per_site = 16 * sum(prod(shape) for _, shape in ism.plan.outputs)
    by_time = seconds / max(1e-9, 3 * SLOWER * ism.plan.seconds[0])
    return max(CHECKED, int(min(by_time, ANSWER / bytes_per_site)))


def compiled(entry: Entry, model: keras.Model, seconds: float) -> tuple[ismc.CompiledISM, float]:
    """The program for all sites or for as many as are affordable, and the seconds it took."""
    options = {"sequence_input": entry.sequence_input, "verify": False}
    begin = time.perf_counter()
    ism = ismc.compile(model, **options)
    taken = time.perf_counter() - begin
    sites = windows(len(ism.sites), affordable(ism, seconds))
    return (ismc.compile(model, sites=sites, **options) if sites else ism), taken


def flat(nest: Any) -> list[Array]:
    """The outputs of a call in NumPy."""
    return [np.asarray(y) for y in keras.tree.flatten(nest)]


def error(model: keras.Model, ism: ismc.CompiledISM, x: Any, found: list[Array]) -> float:
    """The largest difference to the oracle at a spread of sites, of the output's range."""
    some = np.unique(np.linspace(0, len(ism.sites) - 1, CHECKED).round().astype(int))
    options = {"sequence_input": ism.plan.sequence, "batch_size": 8}
    naive = ismc.NaiveISM(model, sites=[ism.sites[i] for i in some], **options)
    pairs = zip(found, flat(naive.saturate(x)), strict=True)
    return max(float(np.abs(a[:, some] - b).max() / np.abs(b).max()) for a, b in pairs)


def best_naive(model: keras.Model, x: Any) -> tuple[Callable[[int], float], Record]:
    """The best form of the naive program: a function that times so many mutants of it."""
    rows = [np.asarray(v) for v in keras.tree.flatten(x)]
    repeated = lambda count: [np.repeat(v, count, 0) for v in rows]  # noqa: E731
    sweep: dict[tuple[str, int], float] = {}
    forms, begin = naive_forms(model), time.perf_counter()
    for batch in BATCHES:
        if sweep and (min(sweep.values()) * batch > 2 or time.perf_counter() - begin > SWEEP):
            break
        for form, run in forms.items():
            inputs = repeated(batch)
            try:
                run(inputs, batch)
                seconds = min(timed(partial(run, inputs, batch)) for _ in range(2)) / batch
            except Exception as problem:  # noqa: BLE001  (a form that cannot run is not the best)
                say(f"  {form}: {type(problem).__name__}")
                continue
            sweep[form, batch] = seconds
    form, batch = min(sweep, key=lambda key: sweep[key])
    record = {
        "naive_form": form,
        "naive_batch": batch,
        "sweep_seconds_per_mutant": {f"{f}, batch {b}": s for (f, b), s in sweep.items()},
    }
    return lambda count: timed(partial(forms[form], repeated(count), batch)) / count, record


def raced(ours: Callable[[], Any], naive: Callable[[int], float], found: Record) -> Record:
    """Both sides in turn, medians; ``found`` knows the first run of ours and the sweep."""
    batch, first = found["naive_batch"], found["first_seconds"]
    each = min(found["sweep_seconds_per_mutant"].values())
    count = batch * max(1, min(int(NAIVE / each), 256) // batch)
    rounds = max(1, min(ROUNDS, int(RACE / (first + count * each))))
    here, there = [first] if first > LONG else [], []
    for _ in range(rounds):
        if first <= LONG:
            here.append(timed(lambda: flat(ours())))
        there.append(naive(count))
    seconds = statistics.median(here)
    scaled = statistics.median(there) * found["mutants"]
    return {
        "rounds": rounds,
        "first_run_counts": first > LONG,
        "ismc_seconds": seconds,
        "naive_seconds": scaled,
        "naive_mutants_timed": count,
        "speedup": scaled / seconds,
    }


def reason(ism: ismc.CompiledISM) -> str:
    """Why the plan expects no gain: the verdict's reason, or that of the first stop."""
    text = verdict(ism.plan)
    if not text.startswith("predicted") and ": " in text:
        return text.split(": ", 1)[1]
    full = [x for x in ism.plan.lines if x.form == "full" and x.reason]
    first = next((x for x in full if not x.reason.startswith("after")), None)
    return f"{first.name} ({first.title}): {first.reason}" if first else text


def described(name: str, entry: Entry, model: keras.Model) -> Record:
    """What is measured."""
    return {
        "name": name,
        "model": entry.row,
        "arguments": dict(entry.table),
        "inputs": [list(v.shape[1:]) for v in model.inputs],
        "outputs": [list(v.shape[1:]) for v in model.outputs],
        "parameters": model.count_params(),
    }


def planned(ism: ismc.CompiledISM) -> Record:
    """What is known of a program that runs."""
    ours, naive = ism.plan.operations
    return {
        "compiles": True,
        "sites": len(ism.sites),
        "of_sites": ism.input_shape[0],
        "mutants": len(ism.sites) * (ism.input_shape[1] - 1),
        "operations": {"ismc": ours, "naive": naive},
        "operations_saved": naive / ours,
        "predicted_speedup": ism.plan.seconds[1] / ism.plan.seconds[0],
    }


def measure(name: str, seconds: float = RUN) -> Record:
    """One row: the model at the size of the table."""
    entry = ARCHITECTURES[name]
    say(f"{name}: {entry.row}")
    model = entry.table_model()
    x = random_inputs(model, 1, seed=1, unknown=0)
    record = described(name, entry, model)
    try:
        ism, record["compile_seconds"] = compiled(entry, model, seconds)
        begin = time.perf_counter()
        found = flat(ism.saturate(x))
        record["first_seconds"] = time.perf_counter() - begin
    except Exception as problem:  # noqa: BLE001  (what does not compile is a row of the table)
        say(f"  {type(problem).__name__}: {problem}")
        return record | {"compiles": False, "problem": f"{type(problem).__name__}: {problem}"}
    record |= planned(ism) | {"error": error(model, ism, x, found)}
    say(f"  {len(ism.sites)} sites, {record['first_seconds']:.1f} s the first time")
    run, best = best_naive(model, x)
    record |= best
    record |= raced(lambda: ism.saturate(x), run, record)
    if record["speedup"] < 1.5:
        record["reason"] = reason(ism)
    say(
        f"  error {record['error']:.1e}, operations {record['operations_saved']:.1f} times fewer, "
        f"ismc {record['ismc_seconds']:.2f} s, naive {record['naive_seconds']:.1f} s: "
        f"{record['speedup']:.1f} times"
    )
    return record


def machine() -> Record:
    """What the numbers were measured on."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "gpus": [device.name for device in tf.config.list_physical_devices("GPU")],
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "ismc": ismc.__version__,
        "gemm_gflops": gemm_rate(),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--models", nargs="*", default=list(ARCHITECTURES), choices=ARCHITECTURES)
    parser.add_argument("--spliceai", action="store_true", help="all sites of SpliceAI as well")
    parser.add_argument("--json", type=Path, help="write every record here")
    parser.add_argument("--markdown", type=Path, help="write the table here")
    parser.add_argument("--write", action="store_true", help=f"replace the table of {BENCHMARKS}")
    args = parser.parse_args()
    about, rows = machine(), []
    for name in args.models:
        begin = time.perf_counter()
        rows.append(measure(name))
        say(f"  {time.perf_counter() - begin:.0f} s in all")
        keras.backend.clear_session()
    whole = measure("spliceai", seconds=float("inf")) if args.spliceai else None
    results = {**about, "rows": rows, "spliceai": whole}
    text = markdown(results, read(ACCURACY))
    print(text)
    if args.json:
        write(args.json, results)
    if args.markdown:
        args.markdown.write_text(text + "\n")
    if args.write:
        write_table(BENCHMARKS, "zoo", text)


if __name__ == "__main__":
    main()
