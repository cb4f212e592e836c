"""A program in the form that every runtime takes: StableHLO of flat arguments and results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, Protocol

import numpy as np

from ismc.execution.signature import Name, ProgramSignature, Spec

Array = np.ndarray
Run = Callable[[Sequence[Any]], list[Any]]


@dataclass(frozen=True)
class Module:
    """StableHLO in its portable, versioned form.

    Attributes:
        code: the serialised module; weights are arguments of it.
        arguments: the shape and dtype of each argument, in order.
        results: the shape and dtype of each result, in order.
        repeated: indices of the trailing inputs of the code. An index below ``len(arguments)``
            repeats that argument; a larger index ``i`` is constant ``i - len(arguments)``.
        constants: arrays that are part of the program.
        text: a digest of the program's text without layer names; empty unless requested.
        names: the name of each argument; empty for a function without a `ProgramSignature`.
    """

    code: bytes
    arguments: tuple[Spec, ...]
    results: tuple[Spec, ...]
    repeated: tuple[int, ...] = ()
    constants: tuple[Array, ...] = ()
    text: str = ""
    names: tuple[Name, ...] = ()

    @cached_property
    def taken(self) -> tuple[Spec, ...]:
        """The shape and dtype of every input of the code, in order."""
        fixed = [Spec(value.shape, value.dtype.name) for value in self.constants]
        return tuple(self.all(self.arguments, fixed))

    def all(self, arguments: Sequence[Any], constants: Sequence[Any]) -> list[Any]:
        """The inputs of the code, from its arguments and from its constants on the runtime."""
        values = [*arguments, *constants]
        return [*arguments, *(values[i] for i in self.repeated)]

    @cached_property
    def digest(self) -> str:
        """The module's identity: 64 hexadecimal digits."""
        return self._with(self.code)

    @property
    def meaning(self) -> str:
        """A digest of what the module computes, independent of the names of its operations.

        Raises:
            ValueError: when the module was lowered without a digest.
        """
        if not self.text:
            raise ValueError("The module was lowered without a digest of its text.")
        return self._with(self.text.encode())

    def _with(self, code: bytes) -> str:
        interface = repr((self.arguments, self.results, self.repeated, self.taken))
        constants = b"".join(value.tobytes() for value in self.constants)
        return sha256(interface.encode() + constants + code).hexdigest()

    def record(self) -> dict[str, Any]:
        """The module without its code, as JSON data."""
        return {
            "arguments": [asdict(spec) for spec in self.arguments],
            "results": [asdict(spec) for spec in self.results],
            "again": list(self.repeated),
            "names": [list(name) for name in self.names],
        }


def module(code: bytes, record: Mapping[str, Any], constants: Sequence[Array]) -> Module:
    """The module of a record, its code and its constants.

    Raises:
        KeyError, TypeError, ValueError: when the record is not that of a module.
    """
    arguments, results = _specs(record["arguments"]), _specs(record["results"])
    repeated = tuple(map(int, record["again"]))
    count = len(arguments) + len(constants)
    if any(not 0 <= i < count for i in repeated):
        raise ValueError(f"again is {repeated}, expected numbers below {count}")
    names = tuple(tuple(map(str, name)) for name in record.get("names", ()))
    if names:
        ProgramSignature(names, arguments)  # raises for names that are not those of the arguments
    return Module(bytes(code), arguments, results, repeated, tuple(constants), names=names)


def _specs(records: Sequence[Mapping[str, Any]]) -> tuple[Spec, ...]:
    return tuple(Spec(tuple(map(int, r["shape"])), np.dtype(r["dtype"]).name) for r in records)


@dataclass(frozen=True)
class Loaded:
    """A program that is ready to run.

    Attributes:
        run: takes flat arguments.
        signature: their names and order.
        tables: for each part, its own arguments: the offsets, order and spans of its sites, the
            tile numbers, and the number of tiles.
        arrangement: the assignment of sites to parts and tiles; ``None`` for the model itself.
    """

    run: Run
    signature: ProgramSignature
    tables: Sequence[Mapping[Name, Any]] = ()
    arrangement: Any = None


class Runtime(Protocol):
    """A runtime for modules, with the few array functions that calls need."""

    name: str

    def put(self, value: Array) -> Any:
        """The array in the memory that programs read."""
        ...

    def on(self, device: str) -> AbstractContextManager[Any]:
        """A context that runs its body on a device; an empty name means the default device."""
        ...

    def load(self, module: Module) -> Run:
        """The module as a function; it is compiled on the first call."""
        ...

    def zeros(self, shape: Sequence[int]) -> Any:
        """Zeros, float32."""
        ...

    def concat(self, values: Sequence[Any], axis: int = 0) -> Any:
        """Arrays concatenated along an axis."""
        ...

    def take(self, value: Any, rows: Array) -> Any:
        """The given rows of an array."""
        ...
