"""A program that is read from the cache, or compiled and stored there, on its first call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from ismc.execution.module import Module, Run, Runtime, module
from ismc.execution.signature import TILE_COUNT, UNNAMED, ProgramSignature

XLA = "xla."
CODE = "program.mlirbc"


@dataclass
class CachedProgram:
    """A program that is loaded or compiled on its first call.

    Attributes:
        runtime: the runtime that executes it.
        signature: its flat arguments; empty for an auxiliary program such as a score.
        function: a function of flat tensors that returns a list of tensors.
        store: the cache; ``None`` for no cache.
        key: the key of the entry, 64 hexadecimal digits. If empty, the function is traced and its
            StableHLO determines the key.
        manifest: the manifest of the entry, without the module.
        texts: makes the texts of an entry that people read: the plan and the source.
        variables: by argument number, the variables whose values are arguments.
        name: the name under which stages are dumped.
        still: whether the key still identifies the program; asked before an entry is stored, for
            programs that may change in the meantime.
        module: the module, once it is read or traced.
        run: the loaded module, once it is ready to run.
        found: whether it came from the cache under a key that was known without a trace.
        making: the lock that lets only one thread make the program.
    """

    runtime: Runtime
    signature: ProgramSignature = UNNAMED
    function: Callable[..., list[Any]] | None = None
    store: ProgramStore | None = None
    key: str = ""
    manifest: Mapping[str, Any] = field(default_factory=dict)
    texts: Callable[[], Mapping[str, str]] = dict
    variables: Mapping[int, Any] = field(default_factory=dict)
    name: str = "program"
    still: Callable[[], bool] | None = None
    module: Module | None = None
    run: Run | None = None
    found: bool = False
    making: Any = field(default_factory=Lock, repr=False)

    def __call__(self, arguments: Sequence[Any]) -> list[Any]:
        """Runs the program; the first of several threads loads or compiles it."""
        with self.making:
            if self.run is None:
                self._make(arguments)
        assert self.run is not None  # noqa: S101  (set by _make)
        return self.run(arguments)

    def _make(self, arguments: Sequence[Any]) -> None:
        if self.store is None:
            self._load()
            return
        key = self.key or self._traced_key()
        if not key:
            self._load()
            return
        with self.store.locked(key):
            self._load_or_store(arguments, self.store, key)

    def get_module(self) -> Module:
        """The module: from the cache if possible, else traced.

        Raises:
            LoweringError: when the function cannot be lowered.
        """
        if self.module is None and self.store is not None and self.key:
            entry = self.store.get(self.key)
            self.module = None if entry is None else self._stored(entry)
        return self.trace_module()

    def trace_module(self, with_digest: bool = False) -> Module:
        """The module, traced if there is none yet; the cache is not read.

        Args:
            with_digest: whether `Module.meaning` is needed.

        Raises:
            LoweringError: when the function cannot be lowered.
        """
        if self.module is None or (with_digest and not self.module.text):
            assert self.function is not None  # noqa: S101  (without a module there is a function)
            specs = self.signature.specs
            traced = lower(self.function, specs, self.name, self.variables, with_digest)
            self.module = replace(traced, names=self.signature.names)
        return self.module

    def _traced_key(self) -> str:
        """The key made from the traced program; empty if it cannot be lowered."""
        try:
            return module_key(self.trace_module(with_digest=True).meaning)
        except LoweringError:
            return ""

    def _load(self) -> Module | None:
        """Loads the traced module; without a module, compiles the function itself."""
        try:
            self.run = self.runtime.load(self.trace_module())
        except LoweringError:
            direct = tf.function(self.function, jit_compile=True, autograph=False)
            self.run = lambda values: list(direct(*map(tf.convert_to_tensor, values)))
        return self.module

    def _load_or_store(self, arguments: Sequence[Any], store: ProgramStore, key: str) -> None:
        """Loads the entry, or makes it; XLA compiles nothing whose executable is in the entry."""
        entry = store.get(key)
        if entry is not None:
            self.found = bool(self.key)
            self.module = self._stored(entry)
            self.run = self.runtime.load(self.module)
            files = {k.removeprefix(XLA): v for k, v in entry.blobs.items() if k.startswith(XLA)}
            if files and executables.lay_out(files):
                with executables.quiet():
                    self._compile(arguments)
                return
        traced = self._load() if self.run is None else self.module
        with executables.collect_executables() as files:
            self._compile(arguments)
        if traced is None or (entry is not None and not files):
            return
        if entry is None and self.key and self.still is not None and not self.still():
            return
        blobs = {CODE: traced.code, **{f"{XLA}{name}": code for name, code in files.items()}}
        constants = {str(i): value for i, value in enumerate(traced.constants)}
        manifest = {**self.manifest, "module": traced.record()}
        store.put(key, Container(manifest, self.texts(), blobs, constants))

    def _stored(self, entry: Container) -> Module:
        """The module of an entry, whose layers may have had other names."""
        constants = [entry.arrays[str(i)] for i in range(len(entry.arrays))]
        found = module(entry.blobs[CODE], entry.manifest["module"], constants)
        return replace(found, names=self.signature.names)

    def _compile(self, arguments: Sequence[Any]) -> None:
        """Compiles the program by a call that runs no tile."""
        assert self.run is not None  # noqa: S101  (set by the caller)
        values = list(arguments)
        if TILE_COUNT in self.signature.names:
            values[self.signature.index(TILE_COUNT)] = self.runtime.put(np.zeros((), np.int32))
        self.run(values)


def module_key(digest: str) -> str:
    """The key of a program with this digest, compiled in this environment."""
    return sha256(json.dumps([digest, environment()], sort_keys=True).encode()).hexdigest()


def open_cache(cache: Any) -> ProgramStore | None:
    """The cache for a user's setting: a folder, ``False`` for none, ``None`` for the default.

    Raises:
        InputError: for any other setting.
    """
    if cache is False or (cache is None and executables.is_off()):
        return None
    if cache is None or cache is True:
        return ProgramStore()
    if isinstance(cache, str | Path):
        return ProgramStore(Path(cache))
    raise InputError(f"cache is {cache!r}, expected a folder, or False for none.")
