"""Requests and replies of a side, as lines of JSON on stdin and stdout; arrays go through files.

Nothing but the standard library is imported here: this runs in every environment.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any

Record = dict[str, Any]
Handler = Callable[[Record], Record]

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
FRESH_PEAK = "5"
LONGEST = 300  # letters of an error
STEADY, MOST = 0.5, 15  # seconds and runs of one timing


def serve(handlers: Mapping[str, Handler]) -> None:
    """Answers requests until stdin ends; an error is a reply of its own.

    What a library prints on stdout goes to stderr, so that replies stay alone.
    """
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        replies.write(json.dumps(answered(handlers, json.loads(line))) + "\n")
        replies.flush()


def answered(handlers: Mapping[str, Handler], request: Record) -> Record:
    """The reply to one request, with the peak of memory while it was worked on."""
    forget_peak()
    try:
        reply = handlers[request["op"]](request)
    except Exception as problem:  # noqa: BLE001  (the parent says what a side cannot do)
        return {"error": told(problem)}
    return {**reply, "peak_mb": peak()}


def told(problem: Exception) -> str:
    """An error in words; one without a text is told by the line that raised it."""
    text = str(problem) or (traceback.extract_tb(problem.__traceback__)[-1].line or "")
    return shorten(f"{type(problem).__name__}: {text}", LONGEST)


def forget_peak() -> None:
    """The peak starts again from what is held now, where the system can do that."""
    try:
        CLEAR.write_text(FRESH_PEAK)
    except OSError:
        return


def peak() -> float:
    """The most memory this process has held, in megabytes."""
    if STATUS.exists():
        lines = dict(x.split(":", 1) for x in STATUS.read_text().splitlines() if ":" in x)
        return round(int(lines["VmHWM"].split()[0]) / 1e3, 1)
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)


def timed(run: Callable[[], Any]) -> float:
    """Seconds of one run."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def steady(run: Callable[[], Any]) -> float:
    """The median of as many runs as fit half a second; of one that takes longer, its time."""
    rounds = [timed(run)]
    while sum(rounds) < STEADY and len(rounds) < MOST:
        rounds.append(timed(run))
    return statistics.median(rounds)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def rows_of(windows: list[list[int]]) -> list[int]:
    """The positions of half-open windows.

    >>> rows_of([[0, 2], [7, 8]])
    [0, 1, 7]
    """
    return [i for start, stop in windows for i in range(start, stop)]
