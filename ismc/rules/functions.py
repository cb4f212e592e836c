"""Rules of ``keras.ops`` functions and of arithmetic on Keras tensors.

An elementwise function is see-through, and so is a function along axes other than the positions.
Sums with a constant and products with a constant are linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ismc.ir.graph import Operand
from ismc.rules.base import IDENTITY, THE_LAYER, Example, Expr, Node, Role, Rule, describe, stop
from ismc.rules.merge import concatenate_rule, layout_mismatch, merge_rule
from ismc.rules.shape import padding_rule, repeat_rule, reshape_rule
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


def _mismatch(node: Node) -> Rule | None:
    """A stop if the result has no positions, or an operand or constant has another layout."""
    if len(node.layer.shape) < 2:
        return stop("its value has no positions")
    rank = len(node.layer.shape) + 1
    for constant in constants_of(node):
        shape = tuple(getattr(constant, "shape", ()))
        if len(shape) >= rank - 1 and shape[len(shape) - rank + 1] != 1:
            return stop("a constant has a row for each position")
        if len(shape) >= rank:
            return stop("a constant has a row for each sequence")
    return layout_mismatch(node)


def _elementwise(node: Node) -> Rule:
    merges = len(node.inputs) > 1
    return mark_wild(node, Rule(Role.AGGREGATE if merges else Role.SEE_THROUGH))


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
    """Functions of single elements."""
    return mark_wild(node, _mismatch(node) or _elementwise(node))


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
    """Sums and differences; a constant term drops out of the difference."""
    subtract = node.layer.title == "Subtract"
    if len(node.inputs) > 1:
        sign = Expr("-" if subtract else "+")
        return merge_rule(node, sign, sign)
    if _mismatch(node) or node.layer.shape != node.shape:
        return mark_wild(node, _mismatch(node) or _elementwise(node))
    negative = subtract and not isinstance(node.config["args"][0], Operand)
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
    """Products and quotients; a product with a constant is linear, a product of values is not."""
    if _mismatch(node) or len(node.inputs) > 1:
        return mark_wild(node, _mismatch(node) or _elementwise(node))
    divisor = "Divide" in node.layer.title and not isinstance(node.config["args"][0], Operand)
    if divisor:
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
    """Functions along axes: see-through unless the positions are one of the axes."""
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
    """Sums and means: linear, and over the positions exact from the changed ones."""
    axes = _axes(node)
    if not axes or 0 in axes:
        return stop("it reads the whole batch")
    if 1 not in axes and len(node.layer.shape) > 1:
        return Rule(Role.SEE_THROUGH, linear=True, difference=THE_LAYER)
    if 1 not in axes:
        return stop("its value has no positions")
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
def join(node: Node) -> Rule:
    """Concatenations and stacks of values."""
    values = node.config["args"][0]
    if not all(isinstance(value, Operand) for value in values):
        return stop("one of the values that it joins is a constant")
    if node.layer.title == "Concatenate":
        return concatenate_rule(node, *node.axes(node.config["axis"]))
    if node.config["axis"] % (node.rank + 1) < 2:
        return stop("it moves the positions to another axis")
    if any(value.shape != node.shape for value in node.inputs):
        return stop("its inputs have different shapes")
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
    """Functions that keep the elements and their order under another shape."""
    return reshape_rule(node) if node.layer.shape else stop("it reads the whole batch")


@describe(
    "ops.Transpose",
    examples=[Example(code="ops.transpose(x, (0, 1, 3, 2))", shapes=((12, 4, 3),))],
)
def transpose(node: Node) -> Rule:
    """Transposes: see-through if the batch and the positions stay in place."""
    order = node.config["axes"]
    if order is None or order[0] != 0:
        return stop("it moves the batch to another axis")
    return permutation_rule(node, [axis - 1 for axis in order[1:]])


@describe("Permute", examples=[Example({"dims": [1, 3, 2]}, ((12, 4, 3),)),
                               Example({"dims": [2, 1, 3]}, ((12, 1, 3),))])  # fmt: skip
def permute(node: Node) -> Rule:
    """Permute: a transpose whose axes exclude the batch."""
    return permutation_rule(node, [axis - 1 for axis in node.config["dims"]])


def permutation_rule(node: Node, order: Sequence[int]) -> Rule:
    """The rule of a value with its axes in this order; axis 0 is the positions."""
    if order[0] == 0:
        return Rule(Role.SEE_THROUGH, linear=True, difference=THE_LAYER)
    axes = [axis for axis in order if node.shape[axis] != 1]
    if axes == sorted(axes):
        return reshape_rule(node)
    return stop("it moves the positions to another axis")


@describe(
    "ops.Pad",
    examples=[
        Example(code="ops.pad(x, [[0, 0], [2, 1], [0, 0]])"),
        Example(code="ops.pad(x, [[0, 0], [0, 0], [1, 0]])"),
    ],
)
def pad(node: Node) -> Rule:
    """Padding with zeros, of the positions or of other axes."""
    width, fill = node.config["pad_width"], node.config["kwargs"].get("constant_values")
    if node.config["mode"] != "constant" or fill not in (None, 0) or len(width) != node.rank:
        return stop("it pads with something other than zeros")
    batch, positions, *tail = (tuple(pair) for pair in width)
    if batch != (0, 0) or (positions != (0, 0) and any(pair != (0, 0) for pair in tail)):
        return stop("it pads positions and channels at once")
    if positions == (0, 0):
        return Rule(Role.SEE_THROUGH, linear=True, difference=THE_LAYER)
    return padding_rule(node, *positions)


@describe("ops.Repeat", examples=[Example(code="ops.repeat(x, 3, axis=1)"),
                                  Example(code="ops.repeat(x, 2, axis=2)")])  # fmt: skip
def repeat(node: Node) -> Rule:
    """Repetition of elements along one axis."""
    axes, times = _axes(node), node.config["repeats"]
    if len(axes) != 1 or not isinstance(times, int) or axes[0] == 0:
        return stop("it does not repeat one axis by one number")
    if axes[0] > 1:
        return Rule(Role.SEE_THROUGH, linear=True, difference=THE_LAYER)
    return repeat_rule(node, times)


@describe("ops.Matmul", examples=[Example(code="ops.matmul(x, np.ones((4, 3), 'float32'))")])
def matmul(node: Node) -> Rule:
    """Matrix products: with a constant matrix on the channels, with another value a stop."""
    matrix = node.config["args"][1]
    if len(node.inputs) == 1 and node.rank > 2 and len(getattr(matrix, "shape", ())) == 2:
        return Rule(Role.SEE_THROUGH, linear=True, difference=THE_LAYER)
    return stop("a product of values mixes positions")


def _axes(node: Node) -> tuple[int, ...]:
    """The axes that the function works along; empty if it works on all elements."""
    axis = node.config.get("axis", -1)
    return () if axis is None else node.axes(tuple(axis) if isinstance(axis, list) else axis)
