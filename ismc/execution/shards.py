"""Runs the parts of a program concurrently and merges their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ismc.execution.module import Loaded, Runtime
from ismc.execution.signature import Name
from ismc.execution.threads import run_concurrently
from ismc.execution.tiling import chosen_tiles

Sites = Sequence[int] | None


def run_sharded(
    runtime: Runtime,
    program: Loaded,
    arguments: Mapping[Name, Any],
    device: str = "",
    sites: Sites = None,
) -> list[Any]:
    """The answers of a program, its parts joined along the sites: ``[B, S, A or C, ...]`` each.

    Args:
        runtime: where the program runs.
        program: the loaded program.
        arguments: the arguments that all parts share, by name: inputs, substitutions, weights.
        device: the name of the device.
        sites: site numbers; if given, only the tiles that contain these sites run.
    """
    tables = program.tables
    if sites is not None:
        selection = chosen_tiles(program.arrangement, sites)
        tables = [
            {**table, **{name: runtime.put(value) for name, value in chosen.items()}}
            for table, chosen in zip(tables, selection, strict=True)
        ]

    def part(table: Mapping[Name, Any]) -> list[Any]:
        with runtime.on(device):
            return program.run(program.signature.pack({**arguments, **table}))

    answers = run_concurrently([partial(part, table) for table in tables])
    if len(answers) == 1:
        return answers[0]
    sizes = [end - begin for begin, end in program.arrangement.parts]
    with runtime.on(device):
        trimmed = [[y[:, :size] for y in ys] for ys, size in zip(answers, sizes, strict=True)]
        return [runtime.concat(ys, 1) for ys in zip(*trimmed, strict=True)]
