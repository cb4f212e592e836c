"""Compiles generated source, and registers it so that tracebacks and `inspect` show it."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from typing import Any

from ismc.plan.plan import Plan


def load_source(source: str, plan: Plan) -> Callable[..., Any]:
    """The ``build`` function of a generated program.

    The source is registered in `linecache` under ``<ismc MODEL DIGEST>``.
    """
    filename = f"<ismc {plan.model} {plan.digest}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    scope: dict[str, Any] = {"__name__": "ismc_generated"}
    exec(compile(source, filename, "exec"), scope)  # noqa: S102  (text that ismc generates)
    return scope["build"]
