"""Errors against truth: ismc and the naive float32 program, beside the same model in float64.

The model is built a second time with every layer in float64 and the same weights, and called on
mutants at sites at both ends and at random ones. All three answer for the same mutants. The program
of ismc is the one for all sites, or for as many as `benchmarks.zoo` affords.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import keras
import numpy as np

import ismc
from benchmarks.architectures import OWN
from benchmarks.errors import BenchmarkError
from benchmarks.rows import ROWS, Row
from benchmarks.zoo import compiled, flat
from tests.zoo import ARCHITECTURES, ZOO, Entry, random_inputs

Array = np.ndarray
Record = dict[str, Any]

SECONDS = 10.0  # that ours may take for its sites; see `benchmarks.zoo.affordable`
SEQUENCES, SITES, LEAST = 2, 24, 6
OPERATIONS = 8e10  # of all mutants in float64, so far as the fewest sites allow
BATCH = 8
LIMIT = 4.0  # the largest ratio that is right


def _entry(row: Row) -> Entry:
    """The model of a race as one of the zoo."""
    if row.model in OWN:
        return Entry(OWN[row.model], 0, {}, row.title, row.arguments)
    return replace(ZOO[row.model], row=row.title, table=row.arguments)


def _raced_alone() -> dict[str, Entry]:
    """The races of models, or of sizes, that the table of architectures has no row for."""
    known = {name: dict(entry.table) for name, entry in ARCHITECTURES.items()}
    return {n: _entry(row) for n, row in ROWS.items() if known.get(row.model) != row.arguments}


SUBJECTS = ARCHITECTURES | _raced_alone()
MODELS = tuple(SUBJECTS)


@contextmanager
def float64() -> Iterator[None]:
    """Inside, models are built of layers that hold and compute float64."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])


def truth_of(entry: Entry, model: keras.Model) -> keras.Model:
    """The model of an entry in float64 with the weights of ``model``.

    Raises:
        BenchmarkError: when a part of it holds or computes anything else.
    """
    with float64():
        truth = entry.build(**entry.table)
    truth.set_weights(model.get_weights())
    found = {layer.name: layer.compute_dtype for layer in truth._flatten_layers()}  # noqa: SLF001
    found |= {v.path: v.dtype for v in truth.variables if "float" in str(v.dtype)}
    other = {name: dtype for name, dtype in found.items() if dtype != "float64"}
    if other:
        raise BenchmarkError(f"Parts of {entry.row} are not float64: {other}.")
    return truth


def chosen(sites: int, count: int, seed: int = 0) -> list[int]:
    """``count`` of so many sites: the two at each end, the middle, and random others.

    >>> chosen(100, 8)[:2], chosen(100, 8)[-2:], len(chosen(100, 8)), chosen(3, 8)
    ([0, 1], [98, 99], 8, [0, 1, 2])
    """
    if count >= sites:
        return list(range(sites))
    first = list(dict.fromkeys([0, sites - 1, sites // 2, 1, sites - 2]))[:count]
    others = np.setdiff1d(np.random.default_rng(seed).permutation(sites), first, True)
    others = np.random.default_rng(seed).permutation(others)
    return sorted([*first, *others[: count - len(first)].tolist()])


def answers(
    model: keras.Model, x: Sequence[Array], place: int, sites: Sequence[tuple[int, int]]
) -> list[Array]:
    """The model's own answers for every letter at every site, ``[B, S, C, *output]``.

    The letter that a sequence has is not written: it has the answer for the sequence.
    """
    found = []
    for b in range(len(x[place])):
        one = [v[b : b + 1].astype("float64") for v in x]
        letters = one[place].shape[-1]
        different = changes(one[place], sites)[0]
        rows = [np.repeat(v, different.sum() + 1, 0) for v in one]
        for row, (site, letter) in enumerate(np.argwhere(different), 1):
            rows[place][row, slice(*sites[site])] = np.eye(letters)[letter]
        index = np.zeros(different.shape, int)
        index[different] = np.arange(1, different.sum() + 1)
        found.append([y[index] for y in _called(model, rows)])
    return [np.stack(values) for values in zip(*found, strict=True)]


def _called(model: keras.Model, rows: list[Array]) -> list[Array]:
    """The outputs of all rows, batch by batch."""
    parts = []
    for i in range(0, len(rows[0]), BATCH):
        batch = [v[i : i + BATCH] for v in rows]
        parts.append(flat(model(batch if len(batch) > 1 else batch[0], training=False)))
    return [np.concatenate(values) for values in zip(*parts, strict=True)]


def changes(sequences: Array, sites: Sequence[tuple[int, int]]) -> Array:
    """Whether each letter is another than the sequences have at each site, ``[B, S, C]``."""
    letters = np.eye(sequences.shape[-1])
    return np.stack([(sequences[:, a:b, None] != letters).any((1, 3)) for a, b in sites], 1)


def errors(found: Sequence[Array], right: Sequence[Array], changed: Array) -> dict[str, float]:
    """Root mean square errors of the answers and of their changes, each over what is right.

    Of several outputs the mean of squares is taken.

    Args:
        found: answers ``[B, S, C, *output]``.
        right: the same in float64.
        changed: ``[B, S, C]``, whether that letter is another than the sequence has.
    """
    pairs = list(zip(found, right, strict=True))
    there = [_relative(y[changed], t[changed]) for y, t in pairs]
    moved = [_relative(_moved(y, changed), _moved(t, changed)) for y, t in pairs]
    return {"answers": _rms(np.array(there)), "changes": _rms(np.array(moved))}


def _moved(y: Array, changed: Array) -> Array:
    """Mutants less their own reference."""
    own = y[~changed].reshape(*changed.shape[:2], 1, *y.shape[3:])
    return (y - own)[changed]


def _relative(found: Array, right: Array) -> float:
    return _rms(found - right) / _rms(right)


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype="float64"))))


def measured(name: str) -> Record:
    """One row: the errors of both, and their ratios."""
    entry = SUBJECTS[name]
    place = entry.sequence_input
    model = entry.table_model()
    truth = truth_of(entry, model)
    ism, _ = compiled(entry, model, SECONDS)
    sequences, count = affordable(ism)
    x = random_inputs(model, sequences, seed=1, unknown=0)
    rows = x if isinstance(x, list) else [x]
    picked = chosen(len(ism.sites), count)
    sites = [ism.sites[i] for i in picked]
    options = {"sequence_input": place, "sites": sites, "batch_size": BATCH}
    ours = [y[:, picked] for y in flat(ism.saturate(x))]
    naive = flat(ismc.NaiveISM(model, **options).saturate(x))
    right = answers(truth, rows, place, sites)
    changed = changes(rows[place], sites)
    both = {"ismc": errors(ours, right, changed), "float32": errors(naive, right, changed)}
    keras.backend.clear_session()
    return {
        "row": name,
        "title": entry.row,
        "sites": len(ism.sites),
        "of_sites": ism.input_shape[0],
        "sequences": sequences,
        "mutants": int(changed.sum()),
        "errors": both,
        "ratios": {kind: both["ismc"][kind] / both["float32"][kind] for kind in both["ismc"]},
    }


def affordable(ism: ismc.CompiledISM) -> tuple[int, int]:
    """How many sequences and how many sites of each the truth is computed for."""
    of_site = (ism.input_shape[1] - 1) * ism.plan.operations[1]
    sequences = SEQUENCES if SEQUENCES * LEAST * of_site <= OPERATIONS else 1
    return sequences, max(LEAST, min(SITES, int(OPERATIONS / (sequences * of_site))))


def markdown(rows: list[Record]) -> str:
    """A table; errors are root mean squares over that of what is right."""
    lines = [
        "| model | program for | mutants | error of ismc | of float32 | ratio | of changes |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        whole = row["sites"] == row["of_sites"]
        sites = "all sites" if whole else f"{row['sites']} of {row['of_sites']} sites"
        ours, theirs = (row["errors"][side]["answers"] for side in ("ismc", "float32"))
        ratios = row["ratios"]
        lines.append(
            f"| {row['title']} | {sites} | {row['mutants']} | {ours:.1e} | {theirs:.1e} | "
            f"{ratios['answers']:.2f} | {ratios['changes']:.2f} |"
        )
    return "\n".join(lines)


def too_large(rows: Sequence[Record]) -> list[str]:
    """The rows whose error is more than `LIMIT` times that of float32, in words."""
    return [
        f"{row['row']}: the error of ismc is {row['ratios']['answers']:.1f} times that of float32, "
        f"expected at most {LIMIT:.0f}."
        for row in rows
        if not row["ratios"]["answers"] <= LIMIT
    ]
