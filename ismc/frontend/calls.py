"""Recorded calls of layers, which are repeated on other tensors with other weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from ismc.frontend.masking import mask_of, with_mask


@dataclass(frozen=True, eq=False)
class LayerCall:
    """A call of a layer, as Keras recorded it.

    Attributes:
        run: calls the layer: positional and keyword arguments, and its weights by name.
        args: the recorded positional arguments; symbolic tensors stand for the operands.
        kwargs: the recorded keyword arguments.
        places: the number of each operand, by the ``id`` of its symbolic tensor.
    """

    run: Callable[[tuple[Any, ...], dict[str, Any], Mapping[str, Any]], Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    places: Mapping[int, int]

    def __call__(self, values: Sequence[Any], weights: Mapping[str, Any]) -> Any:
        """The results of the layer for these operands."""

        def fill(x: Any) -> Any:
            return values[self.places[id(x)]] if id(x) in self.places else x

        filled: Any = keras.tree.map_structure(fill, (self.args, dict(self.kwargs)))
        args, named = filled
        return self.run(args, named, weights)


@dataclass(frozen=True, eq=False)
class WithoutActivation:
    """A call of a layer, with its activation replaced by the identity.

    Attributes:
        layer: the layer, of Keras 3 or Keras 2.
        call: its call.
        linear: the identity of the same Keras.
    """

    layer: Any
    call: LayerCall
    linear: Callable[[Any], Any]

    def __call__(self, values: Sequence[Any], weights: Mapping[str, Any]) -> Any:
        """The results of the layer without its activation."""
        activation, self.layer.activation = self.layer.activation, self.linear
        try:
            return self.call(values, weights)
        finally:
            self.layer.activation = activation


@dataclass(frozen=True, eq=False)
class ActivationCall:
    """The call of a layer's fused activation, which passes the mask on but does not see it."""

    function: Callable[[Any], Any]

    def __call__(self, values: Sequence[Any], weights: Mapping[str, Any]) -> Any:
        """The activation of the only operand."""
        del weights
        mask = mask_of(values[0])
        if mask is None:
            return self.function(values[0])
        result = self.function(with_mask(values[0]))
        return result if mask_of(result) is not None else with_mask(result, mask)
