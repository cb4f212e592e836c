"""A program that comes out of the cache, or goes into it, when it is first called."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import tensorflow as tf

from ismc.artifacts.cache import executables
from ismc.artifacts.cache.environment import environment
from ismc.artifacts.cache.store import ProgramStore
from ismc.artifacts.container import Container
from ismc.errors import InputError
from ismc.execution.lowering import LoweringError, lower
from ismc.execution.module import Module, Run, Runtime, Spec, module

XLA = "xla."
CODE = "program.mlirbc"


@dataclass
class CachedProgram:
    """A program; it is made, or read, when it is first called.

    Attributes:
        runtime: where it runs.
        function: of flat tensors, which returns a list of them.
        store: the cache, if there is one.
        key: of the entry, 64 hexadecimal digits; where it is empty, what the program is is known
            once it is traced, and its StableHLO gives the key.
        manifest: what an entry says of itself beside the module.
        texts: what an entry shows to whoever looks: the plan, the source.
        variables: arguments, by number, that are the values of variables.
        name: what it is called where stages are shown.
        counted: whether the last argument says how many tiles are run.
        still: whether the key still tells the program, where that may have changed meanwhile.
        found: whether it came out of the cache, by a key that was known before a trace.
    """

    runtime: Runtime
    function: Callable[..., list[Any]] | None = None
    store: ProgramStore | None = None
    key: str = ""
    manifest: Mapping[str, Any] = field(default_factory=dict)
    texts: Callable[[], Mapping[str, str]] = dict
    variables: Mapping[int, Any] = field(default_factory=dict)
    name: str = "program"
    counted: bool = True
    still: Callable[[], bool] | None = None
    module: Module | None = None
    run: Run | None = None
    found: bool = False
    making: Any = field(default_factory=Lock, repr=False)

    def __call__(self, arguments: Sequence[Any]) -> list[Any]:
        """Runs the program; the first of several threads makes it."""
        with self.making:
            if self.run is None:
                self._make(arguments)
        assert self.run is not None  # noqa: S101  (made just now)
        return self.run(arguments)

    def _make(self, arguments: Sequence[Any]) -> None:
        if self.store is None:
            self._made(arguments)
            return
        key = self.key or self._traced_key(arguments)
        if not key:
            self._made(arguments)
            return
        with self.store.locked(key):
            self._found(arguments, self.store, key)

    def made(self, arguments: Sequence[Any]) -> Module:
        """The module for arguments like these; it is traced if there is none yet.

        Raises:
            LoweringError: when there cannot be one.
        """
        if self.module is None and self.store is not None and self.key:
            entry = self.store.get(self.key)
            self.module = None if entry is None else _module(entry)
        return self.traced(arguments)

    def traced(self, arguments: Sequence[Any]) -> Module:
        """The same, whatever the cache holds.

        Raises:
            LoweringError: when there cannot be one.
        """
        if self.module is None:
            specs = [Spec(tuple(map(int, a.shape)), str(a.dtype.name)) for a in arguments]
            assert self.function is not None  # noqa: S101  (there is a module, or what makes it)
            told = not self.key
            self.module = lower(self.function, specs, self.name, self.variables, told)
        return self.module

    def _traced_key(self, arguments: Sequence[Any]) -> str:
        """The key that the program itself gives; none if it cannot be lowered."""
        try:
            return module_key(self.traced(arguments).meaning)
        except LoweringError:
            return ""

    def _made(self, arguments: Sequence[Any]) -> Module | None:
        """The module, loaded; where there is none the function is compiled as it is."""
        try:
            self.run = self.runtime.load(self.traced(arguments))
        except LoweringError:
            direct = tf.function(self.function, jit_compile=True, autograph=False)
            self.run = lambda given: list(direct(*map(tf.convert_to_tensor, given)))
        return self.module

    def _found(self, arguments: Sequence[Any], store: ProgramStore, key: str) -> None:
        """Reads the entry, or makes it; either way XLA compiles nothing that it has kept."""
        entry = store.get(key)
        if entry is not None:
            self.found = bool(self.key)
            self.module = _module(entry)
            self.run = self.runtime.load(self.module)
            files = {k.removeprefix(XLA): v for k, v in entry.blobs.items() if k.startswith(XLA)}
            if files and executables.lay_out(files):
                with executables.quiet():
                    self._compiled(arguments)
                return
        found = self._made(arguments) if self.run is None else self.module
        with executables.gathered() as files:
            self._compiled(arguments)
        if found is None or (entry is not None and not files):
            return
        if entry is None and self.key and self.still is not None and not self.still():
            return
        blobs = {CODE: found.code, **{f"{XLA}{name}": code for name, code in files.items()}}
        constants = {str(i): value for i, value in enumerate(found.constants)}
        manifest = {**self.manifest, "module": found.record()}
        store.put(key, Container(manifest, self.texts(), blobs, constants))

    def _compiled(self, arguments: Sequence[Any]) -> None:
        """Compiles the program; of its tiles none is run."""
        assert self.run is not None  # noqa: S101  (made just now)
        *others, count = arguments
        last = self.runtime.put(np.zeros((), np.int32)) if self.counted else count
        self.run([*others, last])


def module_key(digest: str) -> str:
    """The key of a program of that digest, compiled here."""
    return sha256(json.dumps([digest, environment()], sort_keys=True).encode()).hexdigest()


def _module(entry: Container) -> Module:
    constants = [entry.arrays[str(i)] for i in range(len(entry.arrays))]
    return module(entry.blobs[CODE], entry.manifest["module"], constants)


def open_cache(cache: Any) -> ProgramStore | None:
    """The cache that a user names: a folder, ``False`` for none, ``None`` for the usual one.

    Raises:
        InputError: for anything else.
    """
    if cache is False or (cache is None and executables.is_off()):
        return None
    if cache is None or cache is True:
        return ProgramStore()
    if isinstance(cache, str | Path):
        return ProgramStore(Path(cache))
    raise InputError(f"cache is {cache!r}, expected a folder, or False for none.")
