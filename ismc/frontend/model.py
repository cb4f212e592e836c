"""What every frontend gives to the rest of ismc."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ismc.ir.graph import Graph


@dataclass(frozen=True)
class Model:
    """A model as the rest of ismc sees it.

    Attributes:
        graph: its calls; inputs and outputs in the flat order of ``structure``.
        inputs: the nest of input names, as the model is called.
        structure: the nest of output names, as the model returns it.
        variables: the live weights, by owner and name.
        model: the model object itself, for the naive program.
        folded: inputs whose shape has a further axis of length one in the user's model.
    """

    graph: Graph
    inputs: Any
    structure: Any
    variables: Mapping[str, Mapping[str, Any]]
    model: Any
    folded: tuple[tuple[str, tuple[int, ...]], ...] = ()
