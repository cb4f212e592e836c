"""Garbage is collected later where much is made that stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Inside, Python does not look through all objects again and again.

    Tracing and the import of TensorFlow make hundreds of thousands of objects, nearly all of which
    stay: a third of the time of the import went into looking for those that do not.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
