"""Runs the parts of one scan concurrently, each on its own core."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

T = TypeVar("T")


def cores() -> int:
    """The number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_concurrently(calls: Sequence[Callable[[], T]]) -> list[T]:
    """The results of the calls, in order; the last call runs in this thread, the others in a pool.

    All calls have ended when this returns or raises the exception of one of them. Calls must not
    call this function themselves: they would wait for threads of the same pool.

    >>> run_concurrently([lambda: 1, lambda: 2])
    [1, 2]
    """
    *first, last = calls
    futures = [_pool().submit(call) for call in first]
    try:
        result = last()
    finally:
        wait(futures)
    return [*(future.result() for future in futures), result]


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, cores() - 1), "ismc")


if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=_pool.cache_clear)
