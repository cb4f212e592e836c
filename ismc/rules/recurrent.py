"""Recurrent layers: stops, but the reference's states are right up to the first change."""

from __future__ import annotations

from typing import Any

from ismc.rules.base import Expr, Node, Rule, describe, stop


def _options(node: Node) -> dict[str, Any]:
    config = node.config
    return {
        "cell": config["cell"],
        "functions": (config["activation"], config["recurrent_activation"]),
        "after": config["reset_after"],
        "backwards": config["backwards"],
    }


@describe("ismc.States", examples=[])
def states(node: Node) -> Rule:
    """The states after every position; mutants only look up those of the reference."""
    reference = Expr("recurrent_states", kwargs=_options(node), weights=True)
    return stop("states of a recurrence", reference=reference, lookup=True)


@describe("ismc.Recurrent", examples=[])
def recurrent(node: Node) -> Rule:
    """The answer of a recurrence, from the first changed position on."""
    backwards, sequences = node.config["backwards"], node.config["sequences"]
    kwargs = {"units": node.config["units"], "backwards": backwards, "sequences": sequences}
    return stop(
        f"each position depends on all {'after' if backwards else 'before'} it",
        reference=Expr("recurrent_output", kwargs=kwargs),
        exact=Expr("recurrent_stop", kwargs=_options(node) | {"sequences": sequences}),
    )
