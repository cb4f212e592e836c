"""Every mutant of every sequence, batch by batch, for whatever answers for a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

import numpy as np

Array = np.ndarray
Inputs = Mapping[str, Array]
Answers = Callable[[dict[str, Array]], list[Array]]
Scored = Callable[[list[Array], list[Array]], list[Array]]


def scanned(
    inputs: Inputs,
    sequence: str,
    sites: Sequence[tuple[int, int]],
    blocks: Array,
    batch_size: int,
    answers: Answers,
    scored: Scored,
) -> list[Array]:
    """Every block at every site: one ``[B, S, A, *output]`` per output.

    Mutants that equal their sequence are not run: they have the reference output.

    Args:
        inputs: all inputs of one or more sequences, ``[B, ...]`` each.
        sequence: the one that is mutated.
        sites: ranges ``(start, stop)``.
        blocks: ``[A, width, C]``, what is written.
        batch_size: sequences of one batch.
        answers: the outputs of a batch, ``[n, *output]`` each.
        scored: reference and mutant outputs to what is returned.
    """
    shape = (len(inputs[sequence]), len(sites), len(blocks))
    results: list[Array] = []
    for b, letters in enumerate(inputs[sequence]):
        same = [(letters[i:j] == blocks[:, : j - i]).all((1, 2)) for i, j in sites]
        places = np.argwhere(~np.stack(same))
        rows = [(0, 0, blocks[0]), *((*sites[s], blocks[a]) for s, a in places)]
        one = {name: value[b : b + 1] for name, value in inputs.items()}
        batches = _batches(one, sequence, rows, batch_size)
        first = answers(next(batches))
        own, rest = [y[:1] for y in first], [y[1:] for y in first]
        unchanged = scored(own, own)
        results = results or [np.empty((*shape, *y.shape[1:]), np.float32) for y in unchanged]
        for result, y in zip(results, unchanged, strict=True):
            result[b] = y
        for values in chain([rest], map(answers, batches)):
            there, places = np.split(places, [len(values[0])])
            repeated = [np.repeat(y, len(there), 0) for y in own]
            found = scored(repeated, values) if len(there) else []
            for result, y in zip(results, found, strict=False):
                result[b, there[:, 0], there[:, 1]] = y
    return results


def _batches(
    one: Inputs, sequence: str, mutants: Sequence[tuple[int, int, Array]], size: int
) -> Iterator[dict[str, Array]]:
    """Batches of mutants ``(start, stop, block)`` of one sequence, with its other inputs."""
    for i in range(0, len(mutants), size):
        part = mutants[i : i + size]
        batch = {name: np.repeat(value, len(part), 0) for name, value in one.items()}
        for row, (start, stop, block) in enumerate(part):
            batch[sequence][row, start:stop] = block[: stop - start]
        yield batch
