"""The program that a saturation calls first, and its arguments, without tracing or running it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ismc
from ismc.execution.inputs import named_inputs
from ismc.execution.substitutions import every_letter
from ismc.execution.tiling import batches


@dataclass(frozen=True)
class Call:
    """The first call of a program that a saturation makes.

    Attributes:
        program: the generated function.
        arguments: its arguments, weights included.
        mutants: mutants of a tile.
        tiles: how many tiles there are.
    """

    program: Any
    arguments: tuple
    mutants: int
    tiles: int


def first_call(ism: ismc.CompiledISM, x: Any) -> Call:
    """What ``ism.saturate(x)`` calls first, and with what; nothing is traced or run."""
    inputs = named_inputs(x, ism.model.inputs, ism.plan.signature)
    letters = every_letter(inputs, ism.plan)
    count = len(inputs[ism.plan.sequence])
    _, size, batch = next(batches(ism.plan, count, letters.count))
    chunk = {name: value[[i % size for i in range(batch)]] for name, value in inputs.items()}
    found = ism.arranged(letters, batch)
    program = ism.program(letters, batch, found)
    arguments = ism.nested(ism.arguments(chunk, letters, found), found)
    return Call(program, arguments, batch * found.sites * letters.count, found.tiles)
