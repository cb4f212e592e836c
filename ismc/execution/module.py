"""A program as any runtime takes it: StableHLO of flat arguments, and what goes in and out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, Protocol

import numpy as np

Array = np.ndarray
Run = Callable[[Sequence[Any]], list[Any]]


@dataclass(frozen=True)
class Spec:
    """Shape and dtype of an argument or a result."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Module:
    """StableHLO in its portable, versioned form.

    Attributes:
        code: the serialised module; weights are arguments of it.
        arguments: what it takes, in order.
        results: what it returns.
        repeated: numbers of the trailing inputs of the code: one below ``len(arguments)`` is that
            argument again, a larger one the constant of number ``i - len(arguments)``.
        constants: arrays that are part of the program.
        text: a digest of the program in words, without the names that layers gave to its parts;
            empty where it was not asked for.
    """

    code: bytes
    arguments: tuple[Spec, ...]
    results: tuple[Spec, ...]
    repeated: tuple[int, ...] = ()
    constants: tuple[Array, ...] = ()
    text: str = ""

    @cached_property
    def taken(self) -> tuple[Spec, ...]:
        """Shape and dtype of all that the code takes."""
        fixed = [Spec(value.shape, value.dtype.name) for value in self.constants]
        return tuple(self.all(self.arguments, fixed))

    def all(self, arguments: Sequence[Any], constants: Sequence[Any]) -> list[Any]:
        """What the code takes, of arguments and of constants where it runs."""
        known = [*arguments, *constants]
        return [*arguments, *(known[i] for i in self.repeated)]

    @cached_property
    def digest(self) -> str:
        """64 hexadecimal digits that name the module."""
        return self._with(self.code)

    @property
    def meaning(self) -> str:
        """The same of what it computes, whatever its parts are called."""
        return self._with(self.text.encode())

    def _with(self, code: bytes) -> str:
        about = repr((self.arguments, self.results, self.repeated, self.taken))
        held = b"".join(value.tobytes() for value in self.constants)
        return sha256(about.encode() + held + code).hexdigest()

    def record(self) -> dict[str, Any]:
        """All but the code, as JSON holds it."""
        return {
            "arguments": [asdict(spec) for spec in self.arguments],
            "results": [asdict(spec) for spec in self.results],
            "again": list(self.repeated),
        }


def module(code: bytes, record: Mapping[str, Any], constants: Sequence[Array]) -> Module:
    """The module of a record, its code, and its constants.

    Raises:
        KeyError, TypeError, ValueError: when the record is another.
    """
    arguments, results = _specs(record["arguments"]), _specs(record["results"])
    again = tuple(map(int, record["again"]))
    count = len(arguments) + len(constants)
    if any(not 0 <= i < count for i in again):
        raise ValueError(f"again is {again}, expected numbers below {count}")
    return Module(bytes(code), arguments, results, again, tuple(constants))


def _specs(records: Sequence[Mapping[str, Any]]) -> tuple[Spec, ...]:
    return tuple(Spec(tuple(map(int, r["shape"])), np.dtype(r["dtype"]).name) for r in records)


@dataclass(frozen=True)
class Loaded:
    """A program that is ready to run.

    Attributes:
        run: takes flat arguments: sequences, further inputs, letters, weights, and the ``tables``
            of a part.
        tables: offsets, order and spans of the sites, all tiles, and how many there are, by part.
        arrangement: which sites are in which part and tile.
    """

    run: Run
    tables: Sequence[Sequence[Any]]
    arrangement: Any


class Runtime(Protocol):
    """Where modules run, and the few functions of arrays that calls need."""

    name: str

    def put(self, value: Array) -> Any:
        """The array where programs take it from."""
        ...

    def on(self, device: str) -> AbstractContextManager[Any]:
        """What is done inside is done there; an empty name is wherever it would be."""
        ...

    def load(self, module: Module) -> Run:
        """The module as a function; it is compiled when it is first called."""
        ...

    def zeros(self, shape: Sequence[int]) -> Any:
        """Zeros, in float32."""
        ...

    def concat(self, values: Sequence[Any], axis: int = 0) -> Any:
        """Arrays one behind the other, along an axis."""
        ...

    def take(self, value: Any, rows: Array) -> Any:
        """Rows of an array."""
        ...
