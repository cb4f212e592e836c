"""The result of every frontend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ismc.ir.graph import Graph


@dataclass(frozen=True)
class Model:
    """A model as the rest of ismc sees it.

    Attributes:
        graph: its calls, with the outputs in the flat order of ``structure``.
        inputs: the nest of input names, as the model takes them.
        structure: the nest of output names, as the model returns them.
        variables: the live weights, by owner and name.
        model: the model object itself, for the naive program.
        folded: pairs of an input's name and its shape in the user's model, if the model was
            squeezed; see `ismc.frontend.squeezed`.
    """

    graph: Graph
    inputs: Any
    structure: Any
    variables: Mapping[str, Mapping[str, Any]]
    model: Any
    folded: tuple[tuple[str, tuple[int, ...]], ...] = ()
