"""The steps of `ismc demo`: compile, scan, write, draw, print."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from ismc.api import compile as compile_model
from ismc.demo.model import FOLDER, TASKS, load_model
from ismc.demo.strongest import Site, strongest
from ismc.errors import InputError
from ismc.io.convert import convert
from ismc.io.extras import extras
from ismc.io.sequences.fasta import open_fasta
from ismc.io.targets import check_target
from ismc.ism.compiled import CompiledISM
from ismc.jobs.job import create_job
from ismc.plot import plot_saturation

MUTANTS, ROUNDS = 512, 3
FLANK = 6
MAX_LOGOS = 4


def run_demo(directory: Path, *, overwrite: bool) -> tuple[Site, ...]:
    """The demo; see `ismc.demo.run`."""
    console = Console()
    scores_file, figure_file = directory / "scores.npz", directory / "enhancer.png"
    if directory.exists() and not directory.is_dir():
        raise InputError(
            f"{directory} is a file, expected a folder.", hint="Name another folder with -o."
        )
    with extras():
        import_module("matplotlib")
        import_module("logomaker")
    directory.mkdir(parents=True, exist_ok=True)
    check_target(scores_file, (".npz",), overwrite=overwrite)
    if figure_file.exists() and not overwrite:
        raise InputError(
            f"{figure_file} exists, expected a new file.", hint="Replace it with --overwrite."
        )

    model, source = load_model(), open_fasta(FOLDER / "enhancer.fa")
    console.print(f"compiling {model.name} ({model.count_params():,} parameters)")
    ism = compile_model(model, score="difference")
    job = create_job(ism, source, "demo model")
    store = job.store(None)
    job.score(store, store.pending(), lambda _: None)
    convert(store, scores_file, overwrite=overwrite)
    scores, x = np.asarray(store.scores()[:]), np.asarray(store.one_hot[:], np.float32)
    sites = strongest(scores[0], x[0], TASKS)
    prominent = [site for site in sites if site.score > sites[0].score / 4][:MAX_LOGOS]
    logos = [(site.start, site.stop, TASKS.index(site.task)) for site in prominent]
    figure = plot_saturation(
        scores[0], x[0], tasks=TASKS, zooms=sorted(logos), title=f"{source.names[0]}"
    )
    figure.savefig(figure_file, dpi=150)
    console.print(_table(sites, x[0]))
    console.print(_timing(model, ism, x))
    console.print(f"wrote {scores_file} and {figure_file}")
    return sites


def _table(sites: tuple[Site, ...], one_hot: np.ndarray) -> Table:
    """A table with one row per site; flanking bases are in lower case."""
    text = "".join("ACGTN"[i] for i in np.where(one_hot.any(1), one_hot.argmax(1), 4))
    table = Table(title="strongest sites (0-based, half-open)")
    for name, side in (("task", "left"), ("start", "right"), ("stop", "right"),
                       ("sequence", "left"), ("importance", "right")):  # fmt: skip
        table.add_column(name, justify=side)  # pyright: ignore[reportArgumentType]
    for site in sites:
        before = text[max(0, site.start - FLANK) : site.start].lower()
        around = before + site.sequence + text[site.stop : site.stop + FLANK].lower()
        table.add_row(site.task, str(site.start), str(site.stop), around, f"{site.score:.2f}")
    return table


def _timing(model: Any, ism: CompiledISM, x: np.ndarray) -> str:
    """Times ismc and the naive program alternately; the naive one in two forms, on a sample."""
    total = len(ism.sites) * (x.shape[2] - 1)
    mutants = tf.constant(np.repeat(x, MUTANTS, 0))
    forms = {
        "tf.function": tf.function(lambda v: model(v, training=False)),
        "tf.function(jit_compile=True)": tf.function(
            lambda v: model(v, training=False), jit_compile=True
        ),
    }
    batch = 64

    def naive(form: Callable[[Any], Any]) -> None:
        for i in range(0, MUTANTS, batch):
            form(mutants[i : i + batch]).numpy()

    times: dict[str, list[float]] = {name: [] for name in ("ismc", *forms)}
    ism.saturate(x)
    for form in forms.values():
        naive(form)
    for _ in range(ROUNDS):
        times["ismc"].append(_seconds(lambda: ism.saturate(x).numpy()))
        for name, form in forms.items():
            sample = _seconds(lambda form=form: naive(form))
            times[name].append(sample * total / MUTANTS)
    median = {name: statistics.median(values) for name, values in times.items()}
    ismc_seconds = median.pop("ismc")
    best = min(median, key=lambda name: median[name])
    return (
        f"all {total} mutants: ismc {ismc_seconds:.3f} s, naive {median[best]:.2f} s ({best} at "
        f"batch {batch}, timed on {MUTANTS} of them and scaled): "
        f"{median[best] / ismc_seconds:.0f} times faster"
    )


def _seconds(run: Callable[[], Any]) -> float:
    """The seconds that a call takes."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin
