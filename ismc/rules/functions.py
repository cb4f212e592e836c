"""Functions of ``keras.ops`` and arithmetic on Keras tensors: by what they do to axes.

A function that works element by element, or along axes that are not those of the positions, is
see-through; sums with a constant and products with one are linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ismc.ir.graph import Operand
from ismc.rules.base import IDENTITY, THE_LAYER, Example, Expr, Node, Role, Rule, describe, stop
from ismc.rules.merge import apart, concatenated, merged
from ismc.rules.shape import padded, regrouped, repeated
from ismc.rules.wild import UNBOUNDED, constants_of, is_wild, mark_wild

ELEMENTWISE = (
    "Abs", "Absolute", "Arccos", "Arccosh", "Arcsin", "Arcsinh", "Arctan", "Arctan2", "Arctanh",
    "Cast",
    "Ceil", "Celu", "Clip", "Copysign", "Cos", "Cosh", "Elu", "Equal", "Erf", "Erfinv", "Exp",
    "Exp2", "Expm1", "Floor", "FloorDivide", "Fmax", "Fmin", "Gelu", "Greater", "GreaterEqual",
    "HardShrink", "HardSigmoid", "HardSilu", "HardTanh", "Heaviside", "Hypot", "Isfinite", "Isinf",
    "Isnan", "LeakyRelu", "Less", "LessEqual", "Log", "Log10", "Log1p", "Log2", "LogSigmoid",
    "Logaddexp", "LogicalAnd", "LogicalNot", "LogicalOr", "LogicalXor", "Maximum", "Minimum",
    "Mod", "NanToNum", "NotEqual", "Power", "Reciprocal", "Relu", "Relu6", "Round", "Rsqrt",
    "Selu", "Sigmoid", "Sign", "Silu", "Sin", "Sinh", "SoftShrink", "Softplus", "Softsign",
    "SparsePlus", "SparseSigmoid", "Sqrt", "Square", "Squareplus", "StopGradient", "Tan", "Tanh",
    "TanhShrink", "Threshold", "Trunc", "Where",
)  # fmt: skip
ALONG = (
    "Argmax", "Argmin", "Argsort", "Cumprod", "Cumsum", "Diff", "Flip", "Glu", "LogSoftmax",
    "Logsumexp", "Max", "Median", "Min", "Norm", "Normalize", "Prod", "Quantile", "Roll",
    "Softmax", "Sort", "Sparsemax", "Std", "Take", "Var",
)  # fmt: skip


def _clash(node: Node) -> Rule | None:
    """A stop when an operand or a constant is laid out differently from the result."""
    if len(node.layer.shape) < 2:
        return stop("there are no positions any more")
    rank = len(node.layer.shape) + 1
    for constant in constants_of(node):
        shape = tuple(getattr(constant, "shape", ()))
        if len(shape) >= rank - 1 and shape[len(shape) - rank + 1] != 1:
            return stop("a constant has a row for each position")
        if len(shape) >= rank:
            return stop("a constant has a row for each sequence")
    return apart(node)


def _elementwise(node: Node) -> Rule:
    several = len(node.inputs) > 1
    return mark_wild(node, Rule(Role.AGGREGATE if several else Role.SEE_THROUGH))


@describe(
    *(f"ops.{name}" for name in ELEMENTWISE),
    examples=[
        Example(code="ops.sigmoid(x)", kind="ops.Sigmoid"),
        Example(code="ops.maximum(x, 0.1)", kind="ops.Maximum"),
        Example(code="ops.maximum(x, y)", shapes=((12, 4), (12, 4)), kind="ops.Maximum"),
        Example(code="x ** 2", kind="ops.Power"),
        Example(code="ops.clip(x, -0.5, 0.5)", kind="ops.Clip"),
        Example(code="ops.where(x > 0, x, 0.1 * x)", kind="ops.Where"),
    ],
)
def elementwise(node: Node) -> Rule:
    """Any function of single elements."""
    return mark_wild(node, _clash(node) or _elementwise(node))


@describe(
    "ops.Add",
    "ops.Subtract",
    examples=[
        Example(code="x + 0.5", kind="ops.Add"),
        Example(code="x + np.ones(4, 'float32')", kind="ops.Add"),
        Example(code="x + y", shapes=((12, 4), (12, 4)), kind="ops.Add"),
        Example(code="x - y", shapes=((12, 4), (12, 1)), kind="ops.Subtract"),
        Example(code="1 - x", kind="ops.Subtract"),
        Example(code="x - 1", kind="ops.Subtract"),
    ],
)
def add(node: Node) -> Rule:
    """A sum: the difference of a value and a constant is that of the value."""
    minus = node.layer.title == "Subtract"
    if len(node.inputs) > 1:
        sign = Expr("-" if minus else "+")
        return merged(node, sign, sign)
    if _clash(node) or node.layer.shape != node.shape:
        return mark_wild(node, _clash(node) or _elementwise(node))
    negative = minus and not isinstance(node.config["args"][0], Operand)
    change = Expr("negative") if negative else IDENTITY
    return Rule(Role.SEE_THROUGH, linear=True, difference=change, wild=is_wild(node))


@describe(
    "ops.Multiply",
    "ops.Divide",
    "ops.TrueDivide",
    "ops.Negative",
    examples=[
        Example(code="x * 0.5", kind="ops.Multiply"),
        Example(code="x * np.ones(4, 'float32')", kind="ops.Multiply"),
        Example(code="x * y", shapes=((12, 4), (12, 4)), kind="ops.Multiply"),
        Example(code="x / 3", kind="ops.TrueDivide"),
        Example(code="1 / (2 + ops.abs(x))", kind="ops.TrueDivide"),
        Example(code="ops.divide(x, 3)", kind="ops.Divide"),
        Example(code="-x", kind="ops.Negative"),
    ],
)
def scale(node: Node) -> Rule:
    """A product with a constant is linear, one of two values is not."""
    if _clash(node) or len(node.inputs) > 1:
        return mark_wild(node, _clash(node) or _elementwise(node))
    below = "Divide" in node.layer.title and not isinstance(node.config["args"][0], Operand)
    if below:
        return _elementwise(node)
    return Rule(Role.SEE_THROUGH, linear=True, difference=THE_LAYER, wild=is_wild(node))


@describe(
    *(f"ops.{name}" for name in ALONG),
    examples=[
        Example(code="ops.softmax(x, axis=-1)", kind="ops.Softmax"),
        Example(code="ops.max(x, axis=2)", shapes=((12, 4, 3),), kind="ops.Max"),
        Example(code="ops.max(x, axis=1)", kind="ops.Max"),
        Example(code="ops.max(x, axis=1, keepdims=True)", kind="ops.Max"),
        Example(code="ops.logsumexp(x, axis=-1, keepdims=True)", kind="ops.Logsumexp"),
    ],
)
def along(node: Node) -> Rule:
    """A function along some axes: see-through unless positions are among them."""
    axes = _axes(node)
    if axes and not {0, 1} & set(axes) and len(node.layer.shape) > 1:
        unbounded = node.layer.title in UNBOUNDED
        return Rule(Role.SEE_THROUGH, wild=unbounded, relative=unbounded)
    if node.layer.title == "Max" and axes == (1,) and node.rank == 3:
        kwargs = {"keepdims": bool(node.config["keepdims"])}
        if node.config.get("initial") is None:
            exact = Expr("global_max_stop", kwargs=kwargs)
            return stop("the maximum sees every position", exact=exact)
    return stop(f"{node.layer.title.lower()} along the positions")


@describe(
    "ops.Sum",
    "ops.Mean",
    examples=[
        Example(code="ops.sum(x, axis=-1, keepdims=True)", kind="ops.Sum"),
        Example(code="ops.mean(x, axis=1)", kind="ops.Mean"),
        Example(code="ops.mean(x, axis=(1, 2))", kind="ops.Mean"),
        Example(code="ops.sum(x, axis=1, keepdims=True)", kind="ops.Sum"),
        Example(code="ops.mean(x, axis=2)", shapes=((12, 4, 3),), kind="ops.Mean"),
    ],
)
def total(node: Node) -> Rule:
    """A sum or mean: linear, and exact from the changed positions where it sees all of them."""
    axes = _axes(node)
    if not axes or 0 in axes:
        return stop("it sees the whole batch")
    if 1 not in axes and len(node.layer.shape) > 1:
        return Rule(Role.SEE_THROUGH, linear=True, difference=THE_LAYER)
    if 1 not in axes:
        return stop("there are no positions any more")
    count = prod(node.shape[a - 1] for a in axes) if node.layer.title == "Mean" else 1
    kwargs = {"length": count, "keepdims": bool(node.config["keepdims"])}
    if axes != (1,):
        kwargs["axes"] = axes
    exact = Expr("mean_stop", kwargs=kwargs)
    return stop(f"the {node.layer.title.lower()} sees every position", exact=exact, linear=True)


@describe(
    "ops.Concatenate",
    "ops.Stack",
    examples=[
        Example({}, ((12, 4), (12, 2)), "ops.Concatenate", "ops.concatenate([x, y], -1)"),
        Example({}, ((7, 4), (12, 4)), "ops.Concatenate", "ops.concatenate([x, y], 1)"),
        Example({}, ((12, 4), (12, 4)), "ops.Stack", "ops.stack([x, y], -1)"),
    ],
)  # fmt: skip
def joined(node: Node) -> Rule:
    """Values side by side."""
    values = node.config["args"][0]
    if not all(isinstance(value, Operand) for value in values):
        return stop("a constant is among the values that are joined")
    if node.layer.title == "Concatenate":
        return concatenated(node, *node.axes(node.config["axis"]))
    if node.config["axis"] % (node.rank + 1) < 2:
        return stop("positions change their axis")
    if any(value.shape != node.shape for value in node.inputs):
        return stop("the values differ in shape")
    return Rule(Role.AGGREGATE)


@describe(
    "ops.Reshape",
    "ops.ExpandDims",
    "ops.Squeeze",
    "ops.Ravel",
    examples=[
        Example(code="ops.reshape(x, (-1, 6, 8))", kind="ops.Reshape"),
        Example(code="ops.expand_dims(x, 2)", kind="ops.ExpandDims"),
        Example(code="ops.squeeze(x, 2)", shapes=((12, 1, 4),), kind="ops.Squeeze"),
    ],
)
def reshape(node: Node) -> Rule:
    """The same elements in the same order."""
    return regrouped(node) if node.layer.shape else stop("it sees the whole batch")


@describe(
    "ops.Transpose",
    examples=[Example(code="ops.transpose(x, (0, 1, 3, 2))", shapes=((12, 4, 3),))],
)
def transpose(node: Node) -> Rule:
    """Axes in another order: that of the positions must stay."""
    order = node.config["axes"]
    if order is None or order[0] != 0:
        return stop("the batch changes its axis")
    return permuted(node, [axis - 1 for axis in order[1:]])


@describe("Permute", examples=[Example({"dims": [1, 3, 2]}, ((12, 4, 3),)),
                               Example({"dims": [2, 1, 3]}, ((12, 1, 3),))])  # fmt: skip
def permute(node: Node) -> Rule:
    """Permute: as transpose, without the batch."""
    return permuted(node, [axis - 1 for axis in node.config["dims"]])


def permuted(node: Node, order: Sequence[int]) -> Rule:
    """Axes of a value, batch left out, in another order."""
    if order[0] == 0:
        return Rule(Role.SEE_THROUGH, linear=True, difference=THE_LAYER)
    kept = [axis for axis in order if node.shape[axis] != 1]
    if kept == sorted(kept):
        return regrouped(node)
    return stop("positions change their axis")


@describe(
    "ops.Pad",
    examples=[
        Example(code="ops.pad(x, [[0, 0], [2, 1], [0, 0]])"),
        Example(code="ops.pad(x, [[0, 0], [0, 0], [1, 0]])"),
    ],
)
def pad(node: Node) -> Rule:
    """Zeros around a value."""
    width, fill = node.config["pad_width"], node.config["kwargs"].get("constant_values")
    if node.config["mode"] != "constant" or fill not in (None, 0) or len(width) != node.rank:
        return stop("it pads by something else than zeros")
    batch, positions, *tail = (tuple(pair) for pair in width)
    if batch != (0, 0) or (positions != (0, 0) and any(pair != (0, 0) for pair in tail)):
        return stop("it pads positions and channels at once")
    if positions == (0, 0):
        return Rule(Role.SEE_THROUGH, linear=True, difference=THE_LAYER)
    return padded(node, *positions)


@describe("ops.Repeat", examples=[Example(code="ops.repeat(x, 3, axis=1)"),
                                  Example(code="ops.repeat(x, 2, axis=2)")])  # fmt: skip
def repeat(node: Node) -> Rule:
    """Elements several times."""
    axes, times = _axes(node), node.config["repeats"]
    if len(axes) != 1 or not isinstance(times, int) or axes[0] == 0:
        return stop("it repeats by more than a number")
    if axes[0] > 1:
        return Rule(Role.SEE_THROUGH, linear=True, difference=THE_LAYER)
    return repeated(node, times)


@describe("ops.Matmul", examples=[Example(code="ops.matmul(x, np.ones((4, 3), 'float32'))")])
def matmul(node: Node) -> Rule:
    """A product with a constant matrix acts on channels; one of two values mixes positions."""
    right = node.config["args"][1]
    if len(node.inputs) == 1 and node.rank > 2 and len(getattr(right, "shape", ())) == 2:
        return Rule(Role.SEE_THROUGH, linear=True, difference=THE_LAYER)
    return stop("a product of values mixes positions")


def _axes(node: Node) -> tuple[int, ...]:
    """The axes of a function along axes, or none where it works on all elements."""
    axis = node.config.get("axis", -1)
    return () if axis is None else node.axes(tuple(axis) if isinstance(axis, list) else axis)
