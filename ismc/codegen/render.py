"""Renders a plan as Python source, through one jinja2 template that only loops and prints."""

from __future__ import annotations

from functools import cache

import jinja2

from ismc.codegen.view import view
from ismc.plan.plan import Plan


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("ismc.codegen"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  (Python source, not HTML)
    )


def render(plan: Plan) -> str:
    """The Python source of a plan's program."""
    return _environment().get_template("program.py.jinja").render(view=view(plan))
