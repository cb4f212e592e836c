"""`ProgramSignature`: the flat arguments of a program, and the one place that knows their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ismc.errors import InternalError
from ismc.execution.substitutions import Substitutions
from ismc.plan.plan import Plan

Array = np.ndarray
Name = tuple[str, ...]

INPUT, WEIGHT, OFFSET = "input", "weight", "offset"
ROTATION, BLOCK = ("substitution", "rotation"), ("substitution", "block")
ORDER, SPANS = ("sites", "order"), ("sites", "spans")
TILE_IDS, TILE_COUNT = ("tiles", "ids"), ("tiles", "count")


@dataclass(frozen=True)
class Spec:
    """The shape and dtype of an argument or a result."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class ProgramSignature:
    """The flat arguments of a program, in order.

    A name begins with its group: ``("input", "dna")``, ``("weight", "conv1d", "kernel")``,
    ``("offset", "dense")``, or one of the constants of this module.

    Attributes:
        names: the name of each argument; no two are equal.
        specs: the shape and dtype of each argument.
    """

    names: tuple[Name, ...] = ()
    specs: tuple[Spec, ...] = ()

    def __post_init__(self) -> None:
        if len(self.names) != len(self.specs) or len(set(self.names)) != len(self.names):
            raise ValueError(f"{len(self.names)} names for {len(self.specs)} arguments")

    def pack(self, named: Mapping[Name, Any]) -> list[Any]:
        """The flat arguments, from arguments by name.

        Raises:
            InternalError: when an argument is missing or unknown.
        """
        try:
            flat = [named[name] for name in self.names]
        except KeyError:
            flat = []
        if len(flat) < len(named) or len(flat) < len(self.names):
            odd = sorted({*self.names} ^ named.keys())
            raise InternalError(f"The arguments of a program are missing or unknown: {odd}.")
        return flat

    def unpack(self, flat: Sequence[Any]) -> dict[Name, Any]:
        """The arguments by name, from flat arguments."""
        return dict(zip(self.names, flat, strict=True))

    def __iter__(self) -> Iterator[tuple[Name, Spec]]:
        return zip(self.names, self.specs, strict=True)

    def index(self, name: Name) -> int:
        """The index of an argument."""
        return self.names.index(name)


UNNAMED = ProgramSignature()


def model_signature(
    plan: Plan, weights: Iterable[tuple[Name, Spec]], batch: int
) -> ProgramSignature:
    """The arguments of the program that computes the model's outputs: inputs, then weights.

    Args:
        plan: the plan of the scan, which has the inputs.
        weights: the name and spec of each weight, in order.
        batch: sequences per call.
    """
    inputs = [((INPUT, name), Spec((batch, *shape), "float32")) for name, shape in plan.inputs]
    return _signature([*inputs, *weights])


def scan_signature(
    plan: Plan,
    weights: Iterable[tuple[Name, Spec]],
    batch: int,
    letters: Substitutions,
    tables: Mapping[Name, Array],
) -> ProgramSignature:
    """The arguments of a scan: sequence, other inputs, substitutions, weights, tables.

    Args:
        plan: the plan of the scan.
        weights: the name and spec of each weight, in order.
        batch: sequences per call.
        letters: the substitutions of the call.
        tables: the tables of a part, from `ismc.execution.tiling.tables_of`.
    """
    inputs = sorted(plan.inputs, key=lambda entry: entry[0] != plan.sequence)
    return _signature(
        [
            *(((INPUT, name), Spec((batch, *shape), "float32")) for name, shape in inputs),
            (ROTATION, Spec(letters.rotation.shape, "float32")),
            (BLOCK, Spec(letters.block.shape, "float32")),
            *weights,
            *((name, Spec(table.shape, table.dtype.name)) for name, table in tables.items()),
        ]
    )


def _signature(arguments: Sequence[tuple[Name, Spec]]) -> ProgramSignature:
    return ProgramSignature(tuple(n for n, _ in arguments), tuple(s for _, s in arguments))
