"""Conv1D: linear; the schedule chooses how its product is laid out."""

from ismc.rules.base import Example, Expr, Node, Role, Rule, describe, stop, unpadded
from ismc.window import Window


@describe(
    "Conv1D",
    examples=[
        Example({"filters": 3, "kernel_size": 4}),
        Example({"filters": 3, "kernel_size": 4, "padding": "same"}),
        Example({"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}),
        Example({"filters": 3, "kernel_size": 5, "padding": "same", "dilation_rate": 3}),
        Example({"filters": 3, "kernel_size": 3, "strides": 2}),
        Example({"filters": 3, "kernel_size": 4, "strides": 3, "padding": "same"}),
        Example({"filters": 4, "kernel_size": 3, "groups": 2, "use_bias": False}),
        Example({"filters": 4, "kernel_size": 2, "strides": 3, "padding": "same", "groups": 2}),
    ],
)
def conv1d(node: Node) -> Rule:
    """Convolution over positions."""
    config = node.config
    if config.get("data_format") == "channels_first":
        return stop("channels come first, positions are axis 2")
    if node.rank != 3:
        return stop("more than one axis of positions")
    (size,), (stride,), (dilation,) = (
        config["kernel_size"],
        config["strides"],
        config["dilation_rate"],
    )
    pad = padding_before(
        config["padding"], node.shape[0], node.layer.length, size, stride, dilation
    )
    window = Window(size, stride, dilation, pad)
    options = {"strides": stride, "padding": config["padding"], "dilation": dilation}
    defaults = {"strides": 1, "padding": "valid", "dilation": 1}
    kwargs = {key: value for key, value in options.items() if value != defaults[key]}
    return Rule(
        Role.LOCAL,
        linear=True,
        window=window,
        reference=Expr("conv1d", kwargs=kwargs, weights=True),
        difference=Expr("conv1d_gemm", weights=True),
        outside=unpadded(0.0, window, node.shape[0], node.layer.length),
        layout="conv",
    )


def padding_before(
    padding: str, length: int, out: int, size: int, stride: int, dilation: int = 1
) -> int:
    """Positions of padding before the sequence, as TensorFlow's "same" splits them.

    >>> padding_before("same", 10, 5, size=3, stride=2)
    0
    """
    extent = (size - 1) * dilation
    if padding == "causal":
        return extent
    if padding == "same":
        return max(0, (out - 1) * stride + extent + 1 - length) // 2
    return 0
