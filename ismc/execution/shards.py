"""Runs the parts of a program concurrently and merges their answers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ismc.execution.module import Loaded, Runtime
from ismc.execution.threads import run_concurrently
from ismc.execution.tiling import chosen_tiles

Sites = Sequence[int] | None


def run_sharded(
    runtime: Runtime,
    program: Loaded,
    arguments: Sequence[Any],
    device: str = "",
    sites: Sites = None,
) -> list[Any]:
    """The answers of a program, its parts joined along the sites: ``[B, S, A or C, ...]`` each.

    Args:
        runtime: where the program runs.
        program: the loaded program.
        arguments: its arguments before the tables: sequences, other inputs, substitutions,
            weights.
        device: the name of the device.
        sites: site numbers; if given, only the tiles that contain these sites run.
    """
    tables = program.tables
    if sites is not None:
        selection = chosen_tiles(program.arrangement, sites)
        tables = [
            [*table[:-2], *map(runtime.put, chosen)]
            for table, chosen in zip(tables, selection, strict=True)
        ]

    def part(table: Sequence[Any]) -> list[Any]:
        with runtime.on(device):
            return program.run([*arguments, *table])

    answers = run_concurrently([partial(part, table) for table in tables])
    if len(answers) == 1:
        return answers[0]
    sizes = [end - begin for begin, end in program.arrangement.parts]
    with runtime.on(device):
        trimmed = [[y[:, :size] for y in ys] for ys, size in zip(answers, sizes, strict=True)]
        return [runtime.concat(ys, 1) for ys in zip(*trimmed, strict=True)]
