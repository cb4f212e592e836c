"""Calls side by side: parts of one scan, each on a core of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

T = TypeVar("T")


def cores() -> int:
    """The processors that are ours."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_concurrently(calls: Sequence[Callable[[], T]]) -> list[T]:
    """What the calls return, in order; the last runs in this thread, others beside it.

    All have ended when this returns, or raises what one of them raised. Calls must not do so
    themselves: all share one pool of threads.

    >>> together([lambda: 1, lambda: 2])
    [1, 2]
    """
    *others, last = calls
    running = [_pool().submit(call) for call in others]
    try:
        found = last()
    finally:
        wait(running)
    return [*(future.result() for future in running), found]


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, cores() - 1), "ismc")


if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=_pool.cache_clear)
