"""Runs every mutant of every sequence in batches, through any function that evaluates a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

import numpy as np

Array = np.ndarray
Inputs = Mapping[str, Array]
Answers = Callable[[dict[str, Array]], list[Array]]
Scored = Callable[[list[Array], list[Array]], list[Array]]


def scan_mutants(
    inputs: Inputs,
    sequence: str,
    sites: Sequence[tuple[int, int]],
    blocks: Array,
    batch_size: int,
    answers: Answers,
    scored: Scored,
) -> list[Array]:
    """Evaluates every block at every site: one ``[B, S, A, *output]`` per output.

    Mutants that equal their sequence are not run: they get the reference output.

    Args:
        inputs: all inputs of one or more sequences, ``[B, ...]`` each.
        sequence: the name of the input that is mutated.
        sites: ranges ``(start, stop)``.
        blocks: the substituted blocks, ``[A, width, C]``.
        batch_size: the number of sequences in a batch.
        answers: evaluates a batch: its outputs, ``[n, *output]`` each.
        scored: maps reference and mutant outputs to results.
    """
    shape = (len(inputs[sequence]), len(sites), len(blocks))
    results: list[Array] = []
    for b, letters in enumerate(inputs[sequence]):
        unchanged = [(letters[i:j] == blocks[:, : j - i]).all((1, 2)) for i, j in sites]
        indices = np.argwhere(~np.stack(unchanged))
        rows = [(0, 0, blocks[0]), *((*sites[s], blocks[a]) for s, a in indices)]
        record = {name: value[b : b + 1] for name, value in inputs.items()}
        batches = _batches(record, sequence, rows, batch_size)
        first = answers(next(batches))
        reference, rest = [y[:1] for y in first], [y[1:] for y in first]
        reference_scores = scored(reference, reference)
        results = results or [
            np.empty((*shape, *y.shape[1:]), np.float32) for y in reference_scores
        ]
        for result, y in zip(results, reference_scores, strict=True):
            result[b] = y
        for outputs in chain([rest], map(answers, batches)):
            chunk, indices = np.split(indices, [len(outputs[0])])
            repeated = [np.repeat(y, len(chunk), 0) for y in reference]
            values = scored(repeated, outputs) if len(chunk) else []
            for result, y in zip(results, values, strict=False):
                result[b, chunk[:, 0], chunk[:, 1]] = y
    return results


def _batches(
    record: Inputs, sequence: str, mutants: Sequence[tuple[int, int, Array]], size: int
) -> Iterator[dict[str, Array]]:
    """Batches of mutants ``(start, stop, block)`` of one sequence, with its other inputs."""
    for i in range(0, len(mutants), size):
        chunk = mutants[i : i + size]
        batch = {name: np.repeat(value, len(chunk), 0) for name, value in record.items()}
        for row, (start, stop, block) in enumerate(chunk):
            batch[sequence][row, start:stop] = block[: stop - start]
        yield batch
