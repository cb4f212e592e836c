"""Operations and bytes of each strategy. One operation is one floating-point add or multiply.

The rates are those of a small CPU; only their ratios matter for the choice of a strategy.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ismc.ir import Layer, Shape

GEMM = 4e11
CONVOLUTION = 1.4e11
WHOLE = 3e11
ELEMENTS = 4e9
BYTES = 1.2e10
CACHE = 16e6
GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}


@dataclass(frozen=True)
class Cost:
    """What one mutant costs.

    Attributes:
        operations: floating-point operations.
        seconds: predicted time.
        temporary: bytes of the largest array that is written.
        weights: bytes of weights that every tile reads again.
    """

    operations: int
    seconds: float
    temporary: int = 0
    weights: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.operations + other.operations,
            self.seconds + other.seconds,
            max(self.temporary, other.temporary),
            self.weights + other.weights,
        )

    @property
    def half(self) -> Cost:
        """Half of it: what is left on average after a site."""
        return Cost(self.operations // 2, self.seconds / 2, self.temporary, self.weights)


def elements(count: int, per_element: int = 1) -> Cost:
    """A function of single elements, fused with its neighbours."""
    return Cost(count * per_element, count / ELEMENTS, 4 * count)


def kernel(layer: Layer, shape: Shape) -> tuple[int, int, int, int]:
    """``(K, C per group, F, groups)`` of a convolution or Dense on inputs of ``shape``."""
    size = layer.config.get("kernel_size", (1,))[0]
    groups = layer.config.get("groups", 1)
    return size, shape[-1] // groups, layer.shape[-1], groups


def whole(layer: Layer, inputs: tuple[Layer, ...]) -> Cost:
    """The layer on whole sequences, as the naive program computes it."""
    count = prod(layer.shape)
    if layer.title == "Conv1D" and len(layer.shape) == 2:
        size, channels, _, _ = kernel(layer, inputs[0].shape)
        operations = 2 * count * size * channels
        return Cost(operations, operations / WHOLE, 4 * count, _bytes(layer, inputs))
    if layer.title == "Dense":
        operations = 2 * count * inputs[0].shape[-1]
        return Cost(operations, operations / GEMM, 4 * count, _bytes(layer, inputs))
    if layer.title == "States":
        return Cost(0, 0.0)
    if layer.title in ("Recurrent", "LSTM", "GRU", "Bidirectional", "SimpleRNN"):
        width, gates = (
            (layer.shape or (1,))[-1],
            GATES.get(layer.config.get("cell", layer.title), 4),
        )
        operations = 2 * gates * inputs[0].length * width * (width + inputs[0].shape[-1])
        return Cost(operations, operations / GEMM * 4, 4 * count)
    if layer.title == "MultiHeadAttention" and inputs:
        length, channels = inputs[0].length, inputs[0].shape[-1]
        operations = 8 * length * channels**2 + 4 * length**2 * channels
        return Cost(operations, operations / GEMM * 2, 4 * (count + length**2))
    return elements(max(count, *(prod(i.shape) for i in inputs)) if inputs else count)


def dense(width: int, layer: Layer, inputs: tuple[Layer, ...]) -> Cost:
    """Dense on ``width`` positions, or after Flatten on ``width`` rows of its kernel."""
    rows = width if len(inputs[0].shape) == 1 else width * inputs[0].shape[-1]
    operations = 2 * rows * layer.shape[-1]
    out = layer.shape[-1] if len(inputs[0].shape) == 1 else width * layer.shape[-1]
    return Cost(operations, operations / GEMM, 4 * max(out, rows), 4 * rows * layer.shape[-1])


def convolution(layer: Layer, shape: Shape, width: int, out: int) -> dict[str, Cost]:
    """Every form of a convolution from ``width`` changed positions to ``out``, by name."""
    size, channels, filters, groups = kernel(layer, shape)
    (stride,) = layer.config.get("strides", (1,))
    (dilation,) = layer.config.get("dilation_rate", (1,))
    reach = width + (size - 1) * dilation
    weights = 4 * size * channels * filters
    written = 4 * out * filters
    forms = {"conv": _product(2 * out * size * channels * filters, CONVOLUTION, written, weights)}
    if stride > 1 or groups > 8:
        return forms
    forms["gemm"] = _product(
        2 * width * size * channels * filters, GEMM, 4 * width * size * filters, weights
    )
    if groups == 1 and width <= 8:
        banded = 2 * width * channels * reach * filters
        forms["toeplitz"] = _product(banded, GEMM / 2, 4 * reach * filters, weights * width)
    if groups == 1 and channels * width <= 8 and dilation == 1:
        work = 2 * width * size * channels * filters
        forms["outer"] = Cost(work, work / ELEMENTS / 4, 0, weights)
    return forms


def _product(operations: int, rate: float, written: int, weights: int) -> Cost:
    return Cost(operations, operations / rate + 2 * written / BYTES / 4, written, weights)


def _bytes(layer: Layer, inputs: tuple[Layer, ...]) -> int:
    size, channels, filters, _ = kernel(layer, inputs[0].shape)
    return 4 * size * channels * filters
