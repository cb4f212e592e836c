"""Passes from text to text: runs them on a graph that is written out, and compares the result."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import dedent
from typing import Any

from ismc.ir.parse import parse
from ismc.ir.window import Span
from ismc.passes import PIPELINE, Program, Request
from ismc.passes.verify import verify_pass


def program_of(text: str, sites: Sequence[tuple[int, int]] = ((3, 4),), **fields: Any) -> Program:
    """The program of a text before the passes; the first input is the sequence.

    Args:
        text: a graph, as `ismc.ir.parse` reads it.
        sites: ranges of positions.
        fields: fields of the request.
    """
    graph = parse(dedent(text))
    request = {"sequence": graph.inputs[0], "outputs": graph.outputs} | fields
    return Program(graph, Request(sites=tuple(Span(*site) for site in sites), **request))


def run_through(name: str, text: str, *args: Any, **fields: Any) -> Program:
    """The program after the pass ``name`` and all passes before it, each verified."""
    program = program_of(text, *args, **fields)
    for step in PIPELINE:
        program = step(program)
        verify_pass(step.__name__, program)
        if step.__name__ == name:
            return program
    raise ValueError(f"{name} is no pass")


def assert_prints(program: object, expected: str) -> None:
    """Compares a program, as it is printed, with the text of a test."""
    assert f"\n{program}\n" == dedent(expected)
