"""What the text of a graph leaves out: the defaults, shapes and weights of layers of Keras.

`ismc.ir.graph` prints only what differs from this table, and `ismc.ir.parse` fills it in. A kind
without an entry is printed in full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ismc.ir.shapes import (
    Config,
    Shape,
    ShapeRule,
    broadcast,
    concatenated,
    flattened,
    last_axis,
    lengthened,
    over_positions,
    repeated,
    reshaped,
    transposed,
    unchanged,
    windowed,
)

REQUIRED = object()
"""The default of a setting that has none."""

UNPRINTED = (
    "name", "trainable", "autocast", "quantization_config", "seed",
    "naive",  # what `prune_positions` knows of the cost before it
)  # fmt: skip
UNPRINTED_ENDS = ("_initializer", "_regularizer", "_constraint")


def is_printed(key: str, value: Any) -> bool:
    """Whether a setting is part of the text: one that matters only for training is not."""
    if key == "dtype" and isinstance(value, Mapping):
        return False  # a policy; its ``compute_dtype`` is printed
    return key not in UNPRINTED and not key.endswith(UNPRINTED_ENDS)


@dataclass(frozen=True)
class LayerKind:
    """A class of layers, as the text of a graph abbreviates it.

    Attributes:
        defaults: its settings in the order of positional arguments, with their defaults.
        shape: the shape of its value; ``None`` if it is not known.
        weights: the names of its weights.
        sizes: the settings with one size for each axis, and how many axes there are.
        fused: whether a frontend makes its activation a layer of its own.
    """

    defaults: Mapping[str, Any] = field(default_factory=dict)
    shape: ShapeRule | None = None
    weights: Callable[[Config], tuple[str, ...]] = lambda _: ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    fused: bool = False

    def filled(self, given: Config) -> dict[str, Any]:
        """The settings with defaults, as Keras records them."""
        config = {"compute_dtype": "float32", **self.defaults, **given}
        if "pool_size" in self.defaults and config.get("strides") is None:
            config["strides"] = config["pool_size"]
        for key, count in self.sizes.items():
            if isinstance(config[key], int):
                config[key] = (config[key],) * count
        return config


UNKNOWN = LayerKind({"compute_dtype": "float32"})


def layer_kind(kind: str) -> LayerKind:
    """The entry of a kind; `UNKNOWN`, or that of a function, if the table has none."""
    return KINDS.get(kind) or (FUNCTION if kind.startswith("keras.ops.") else UNKNOWN)


def implied_shape(kind: str, config: Config, inputs: Sequence[Shape]) -> Shape | None:
    """The shape that a layer's settings imply, or ``None`` if the table does not say.

    Raises:
        ValueError: when the layer cannot have inputs of these shapes.
    """
    shape = layer_kind(kind).shape
    if shape is None or not inputs or config.get("data_format") == "channels_first":
        return None
    return shape(config, inputs)


def _inner_shape(config: Config, inputs: Sequence[Shape]) -> Shape | None:
    """The shape of the layer in a wrapper."""
    inner = config["layer"]
    return implied_shape(f"keras.{inner['class_name']}", inner["config"], inputs)


def _at_each_position(config: Config, inputs: Sequence[Shape]) -> Shape | None:
    shape = _inner_shape(config, [inputs[0][1:]])
    return None if shape is None else (inputs[0][0], *shape)


def _in_both_directions(config: Config, inputs: Sequence[Shape]) -> Shape | None:
    shape = _inner_shape(config, inputs)
    if shape is None or config["merge_mode"] is None:
        return None
    return (*shape[:-1], shape[-1] * (2 if config["merge_mode"] == "concat" else 1))


def _with_bias(*names: str) -> Callable[[Config], tuple[str, ...]]:
    return lambda config: (*names, "bias") if config["use_bias"] else names


def _normalizing(*statistics: str) -> Callable[[Config], tuple[str, ...]]:
    def weights(config: Config) -> tuple[str, ...]:
        learned = (("gamma",) if config["scale"] else ()) + (("beta",) if config["center"] else ())
        return learned + statistics

    return weights


LAST = {"data_format": "channels_last"}
BIAS = {"activation": "linear", "use_bias": True}
WINDOW = {"strides": 1, "padding": "valid", **LAST, "dilation_rate": 1}
SIZES = ("kernel_size", "strides", "dilation_rate")
CELL = {
    "units": REQUIRED, "activation": "tanh", "use_bias": True, "return_sequences": False,
    "return_state": False, "go_backwards": False, "stateful": False, "unroll": False,
    "zero_output_for_mask": False, "dropout": 0.0, "recurrent_dropout": 0.0,
}  # fmt: skip


def _convolution(
    axes: int, shape: ShapeRule, *names: str, by_channel: bool = False, **more: Any
) -> LayerKind:
    filters = {} if by_channel else {"filters": REQUIRED}
    defaults = {**filters, "kernel_size": REQUIRED, **WINDOW, **more, **BIAS}
    sizes = {key: axes for key in (*SIZES, "output_padding") if key in defaults}
    return LayerKind(defaults, shape, _with_bias(*names), sizes, fused=True)


def _pool(axes: int) -> LayerKind:
    defaults = {"pool_size": 2, "strides": None, "padding": "valid", **LAST}
    shape = windowed("pool_size", lambda _, channels: channels)
    return LayerKind(defaults, shape, sizes=dict.fromkeys(("pool_size", "strides"), axes))


def _cell(**more: Any) -> LayerKind:
    weights = _with_bias("kernel", "recurrent_kernel")
    return LayerKind(
        {**CELL, **more}, over_positions, lambda config: (*weights(config), "seed_generator_state")
    )


GATED = {"recurrent_activation": "sigmoid"}
FILTERS = windowed("kernel_size", lambda config, _: config["filters"])
MULTIPLIED = windowed("kernel_size", lambda config, n: n * config["depth_multiplier"])
MERGE = LayerKind(shape=broadcast)
GLOBAL_POOL = LayerKind({**LAST, "keepdims": False}, last_axis)
FUNCTION = LayerKind({"kwargs": {}})
POINTWISE = LayerKind({"kwargs": {}}, broadcast)
KINDS: Mapping[str, LayerKind] = {
    "keras.Conv1D": _convolution(1, FILTERS, "kernel", groups=1),
    "keras.Conv2D": _convolution(2, FILTERS, "kernel", groups=1),
    "keras.DepthwiseConv1D": _convolution(
        1, MULTIPLIED, "kernel", by_channel=True, depth_multiplier=1
    ),
    "keras.SeparableConv1D": _convolution(
        1, FILTERS, "depthwise_kernel", "pointwise_kernel", depth_multiplier=1
    ),
    "keras.Conv1DTranspose": _convolution(1, transposed, "kernel", output_padding=None),
    "keras.Conv2DTranspose": _convolution(2, transposed, "kernel", output_padding=None),
    "keras.Dense": LayerKind(
        {"units": REQUIRED, **BIAS},
        lambda config, inputs: (*inputs[0][:-1], config["units"]),
        _with_bias("kernel"),
        fused=True,
    ),
    "keras.MaxPooling1D": _pool(1),
    "keras.AveragePooling1D": _pool(1),
    "keras.MaxPooling2D": _pool(2),
    "keras.AveragePooling2D": _pool(2),
    "keras.GlobalMaxPooling1D": GLOBAL_POOL,
    "keras.GlobalAveragePooling1D": GLOBAL_POOL,
    "keras.Flatten": LayerKind(LAST, flattened),
    "keras.Reshape": LayerKind({"target_shape": REQUIRED}, reshaped),
    "keras.Activation": LayerKind({"activation": REQUIRED}, unchanged),
    "keras.ReLU": LayerKind(
        {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}, unchanged
    ),
    "keras.Dropout": LayerKind(
        {"rate": REQUIRED, "noise_shape": None},
        unchanged,
        lambda config: ("seed_generator_state",) if config["rate"] else (),
    ),
    "keras.BatchNormalization": LayerKind(
        {
            "axis": -1, "momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True,
            "synchronized": False, "renorm": False, "renorm_clipping": None,
            "renorm_momentum": 0.99,
        },
        unchanged,
        _normalizing("moving_mean", "moving_variance"),
    ),
    "keras.LayerNormalization": LayerKind(
        {"axis": [-1], "epsilon": 0.001, "center": True, "scale": True, "rms_scaling": False},
        unchanged,
        _normalizing(),
    ),
    **{
        f"keras.{title}": MERGE
        for title in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
    },
    "keras.Concatenate": LayerKind({"axis": -1}, concatenated),
    "keras.Cropping1D": LayerKind(
        {"cropping": (1, 1)}, lengthened("cropping", -1), sizes={"cropping": 2}
    ),
    "keras.ZeroPadding1D": LayerKind(
        {"padding": (1, 1), **LAST}, lengthened("padding", 1), sizes={"padding": 2}
    ),
    "keras.UpSampling1D": LayerKind({"size": 2}, repeated),
    "keras.LSTM": _cell(**GATED, unit_forget_bias=True),
    "keras.GRU": _cell(**GATED, reset_after=True),
    "keras.SimpleRNN": _cell(),
    "keras.TimeDistributed": LayerKind({"layer": REQUIRED}, _at_each_position),
    "keras.Bidirectional": LayerKind(
        {"layer": REQUIRED, "merge_mode": "concat"}, _in_both_directions
    ),
    **{
        f"keras.ops.{title}": POINTWISE
        for title in (
            "Add", "Subtract", "Multiply", "Divide", "Maximum", "Minimum", "Sigmoid", "Relu",
            "Tanh", "Exp", "Log", "Abs", "Negative", "Square", "Sqrt",
        )
    },
}  # fmt: skip
