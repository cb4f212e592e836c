"""A call of a program: its parts side by side, and what they answer as one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ismc.execution.module import Loaded, Runtime
from ismc.execution.threads import run_concurrently
from ismc.execution.tiling import chosen_tiles

Sites = Sequence[int] | None


def run_sharded(
    runtime: Runtime, found: Loaded, given: Sequence[Any], device: str = "", sites: Sites = None
) -> list[Any]:
    """The answers of all parts of a program: ``[B, S, A or C, ...]`` each.

    Args:
        runtime: where it runs.
        found: the program.
        given: its arguments before the tables: sequences, further inputs, letters, weights.
        device: the name of the device.
        sites: by number; where they are given, only the tiles that these are in are run.
    """
    tables = found.tables
    if sites is not None:
        some = chosen_tiles(found.arrangement, sites)
        tables = [
            [*table[:-2], *map(runtime.put, chosen)]
            for table, chosen in zip(tables, some, strict=True)
        ]

    def part(table: Sequence[Any]) -> list[Any]:
        with runtime.on(device):
            return found.run([*given, *table])

    answers = run_concurrently([partial(part, table) for table in tables])
    if len(answers) == 1:
        return answers[0]
    sizes = [end - begin for begin, end in found.arrangement.parts]
    with runtime.on(device):
        cut = [[y[:, :size] for y in ys] for ys, size in zip(answers, sizes, strict=True)]
        return [runtime.concat(ys, 1) for ys in zip(*cut, strict=True)]
