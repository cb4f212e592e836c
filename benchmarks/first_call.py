"""The program that a saturation calls first, and its arguments, without tracing or running it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from ismc.execution.inputs import named_inputs
from ismc.execution.substitutions import every_letter
from ismc.execution.tiling import batches, tables_of
from ismc.ism.program import CompiledProgram


@dataclass(frozen=True)
class Call:
    """The first call of a program that a saturation makes.

    Attributes:
        program: the generated function.
        arguments: its arguments by name, weights included.
        mutants: mutants of a tile.
        tiles: how many tiles there are.
    """

    program: Any
    arguments: dict[str, Any]
    mutants: int
    tiles: int


def first_call(ism: CompiledProgram, x: Any) -> Call:
    """What a saturation of ``x`` calls first, and with what; nothing is traced or run."""
    inputs = named_inputs(x, ism.model.inputs, ism.plan.signature)
    letters = every_letter(inputs, ism.plan)
    count = len(inputs[ism.plan.sequence])
    _, size, batch = next(batches(ism.plan, count, letters.count))
    chunk = {name: value[[i % size for i in range(batch)]] for name, value in inputs.items()}
    found = ism.arranged(letters, batch)
    program = ism.generated(letters, batch, found)
    named = ism.arguments(chunk, letters, ism.weights())
    named |= {name: tf.constant(table) for name, table in tables_of(found)[0].items()}
    arguments = ism.nested(named)
    return Call(program, arguments, batch * found.sites * letters.count, found.tiles)
