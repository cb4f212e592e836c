"""The choice of one number per letter: an output of a store, and a task of the output."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from ismc.errors import InputError
from ismc.io.stores.facts import Facts, Output

Task = str | int | None


@dataclass(frozen=True)
class Choice:
    """An output and the index of one number of its score.

    Attributes:
        output: an output of the store.
        index: one integer for each axis of its score.
    """

    output: Output
    index: tuple[int, ...]

    @property
    def task(self) -> str:
        """The index as users write it; empty if the score is one number."""
        return ",".join(map(str, self.index)) if prod(self.output.score) > 1 else ""


def choose_output(facts: Facts, output: str | None) -> Output:
    """The output of that name, or the only one.

    Raises:
        InputError: when no output has the name, or there are several and no name.
    """
    outputs = {item.name: item for item in facts.outputs}
    if output is None and len(outputs) > 1:
        raise InputError(
            f"The store has the outputs {', '.join(outputs)}, expected one to be chosen.",
            hint="Choose with --model-output NAME, or output= in Python.",
        )
    if output is not None and output not in outputs:
        raise InputError(
            f"There is no output {output!r}, expected one of {', '.join(outputs)}.",
            hint="Name an output of the store.",
        )
    return facts.outputs[0] if output is None else outputs[output]


def choose_number(facts: Facts, output: str | None, task: Task) -> Choice:
    """The choice of one number per letter.

    Args:
        facts: the facts of the store.
        output: the name of an output; optional if there is one.
        task: an index into the flattened score, or one index for each axis, as in ``"2,0"``;
            optional if the score is one number.

    Raises:
        InputError: when the output or task does not exist, or there are several and none is chosen.
    """
    item = choose_output(facts, output)
    shape, count = item.score, prod(item.score)
    if task is None:
        if count != 1:
            raise InputError(
                f"The output {item.name!r} has {_tasks(shape)}, expected one to be chosen.",
                hint=f"Choose with --task I, or task= in Python; they are {_range(shape)}.",
            )
        return Choice(item, (0,) * len(shape))
    index = _index(task, shape)
    if index is None:
        raise InputError(
            f"The output {item.name!r} has no task {task!r}, expected {_range(shape)}.",
            hint="Tasks are counted from 0.",
        )
    return Choice(item, index)


def _index(task: str | int, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """One index for each axis, or ``None`` if the task does not exist."""
    parts = str(task).replace(" ", "").split(",")
    if not all(part.isdecimal() for part in parts):
        return None
    numbers = tuple(map(int, parts))
    if len(numbers) == 1 and numbers[0] < prod(shape):
        return tuple(int(i) for i in np.unravel_index(numbers[0], shape)) if shape else ()
    fits = len(numbers) == len(shape) and all(i < n for i, n in zip(numbers, shape, strict=True))
    return numbers if fits else None


def _tasks(shape: tuple[int, ...]) -> str:
    return f"{prod(shape):,} tasks" + (f" {list(shape)}" if len(shape) > 1 else "")


def _range(shape: tuple[int, ...]) -> str:
    last = prod(shape) - 1
    if last == 0:
        return "0, the only one"
    ends = ",".join("0" for _ in shape), ",".join(str(n - 1) for n in shape)
    return f"0 to {last}" + (f", or {ends[0]} to {ends[1]}" if len(shape) > 1 else "")
