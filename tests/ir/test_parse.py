"""The text of a graph: what is printed is read back, and means what Keras means by it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import keras
import pytest
from keras import layers

from ismc.cli.layers import example_model
from ismc.errors import InputError
from ismc.frontend.read import read
from ismc.ir.graph import Graph, Layer
from ismc.ir.kinds import KINDS, is_printed, layer_kind
from ismc.ir.parse import parse
from ismc.ir.text import Constant, Opaque, Operand, value_text
from ismc.passes import PIPELINE, Program, Request
from ismc.passes.prune_positions import prune_positions
from ismc.rules import examples
from tests.support.passes import program_of
from tests.zoo import ZOO

EXAMPLES = [
    pytest.param(kind, example, id=f"{kind}-{i}")
    for kind, found in examples().items()
    for i, example in enumerate(found)
]


def flat_layers(graph: Graph) -> list[Layer]:
    """The layers of a graph and of the models inside."""
    return [
        inner
        for layer in graph.layers
        for inner in (flat_layers(layer.body) if layer.body else [layer])
    ]


def settings(layer: Layer) -> dict[str, str]:
    """The settings that the text of a layer has or implies, as text."""
    fused = ("activation",) if layer_kind(layer.kind).fused else ()
    return {
        key: value_text(value)
        for key, value in layer.config.items()
        if is_printed(key, value) and key not in fused and layer.kind != "keras.InputLayer"
    }


def assert_read_back(graph: Graph) -> None:
    text = str(graph)
    back = parse(text)
    assert back == graph
    assert str(back) == text
    for found, layer in zip(flat_layers(back), flat_layers(graph), strict=True):
        assert settings(found).items() >= settings(layer).items(), layer.name
        more = settings(found).keys() - settings(layer).keys()
        assert more <= {*layer_kind(layer.kind).defaults, "compute_dtype", "args", "kwargs"}


@pytest.mark.parametrize("name", ZOO)
def test_every_model_of_the_zoo_is_read_back(name: str) -> None:
    graph = read(ZOO[name].model(small=True)).graph
    assert_read_back(graph)
    assert "ismc.Model" in str(graph) or not name.startswith("nested")


@pytest.mark.parametrize(("kind", "example"), EXAMPLES)
def test_every_example_of_a_rule_is_read_back(kind: str, example: Any) -> None:
    assert_read_back(read(example_model(kind, example)).graph)


@pytest.mark.parametrize("name", ["bpnet_transposed", "spliceai", "topic_lstm", "chrombpnet"])
def test_what_every_pass_prints_is_read_back(name: str) -> None:
    graph = read(ZOO[name].model(small=True)).graph
    program = Program(graph, Request(graph.inputs[0], (), graph.outputs, cut=""))
    for step in PIPELINE[: PIPELINE.index(prune_positions) + 2]:
        program = step(program)
        back = parse(str(program))
        assert (back.layers, back.outputs) == (program.graph.layers, program.request.outputs)


def test_a_model_of_keras_2_is_read_back() -> None:
    old = pytest.importorskip("tf_keras").layers
    x = old.Input((60, 4), name="x")
    y = old.Conv1D(8, 5, padding="causal", activation="relu", name="conv")(x)
    y = old.MaxPooling1D(3, strides=2, name="pool")(old.BatchNormalization(name="norm")(y))
    y = old.Conv1DTranspose(6, 4, strides=3, padding="same", output_padding=1, name="up")(y)
    y = old.Bidirectional(old.LSTM(3), name="both")(y)
    graph = read(pytest.importorskip("tf_keras").Model(x, y, name="old")).graph
    back = parse(str(graph))
    assert (back, str(back)) == (graph, str(graph))
    assert str(graph).startswith(
        "graph old(x)\n"
        "  x: input [60, 4]\n"
        "  conv: Conv1D(x, filters=8, kernel_size=5, padding=causal) -> [60, 8]\n"
        "  conv.activation: Activation(conv, activation=relu) -> [60, 8]\n"
    )


def test_the_example_of_the_docstring() -> None:
    graph = parse(
        "x: input [100, 4]; c: Conv1D(x, filters=8, kernel_size=7, padding=same); "
        "y: MaxPooling1D(c, pool_size=2); d: Dense(y, 3); return d"
    )
    assert [layer.shape for layer in graph] == [(100, 4), (100, 8), (50, 8), (50, 3)]
    assert graph["d"].config["units"] == 3
    assert (graph["c"].owner, graph["c"].weights) == ("c", ("kernel", "bias"))


LAYERS: Mapping[str, Callable[[], Any]] = {
    "Conv1D(x, 6, 5, strides=2)": lambda: layers.Conv1D(6, 5, strides=2),
    "Conv1D(x, 6, 5, padding=causal, dilation_rate=3)": lambda: layers.Conv1D(
        6, 5, padding="causal", dilation_rate=3
    ),
    "Conv1D(x, 6, 5, padding=same, strides=3, groups=2, use_bias=False)": lambda: layers.Conv1D(
        6, 5, padding="same", strides=3, groups=2, use_bias=False
    ),
    "DepthwiseConv1D(x, 3, depth_multiplier=2)": lambda: layers.DepthwiseConv1D(
        3, depth_multiplier=2
    ),
    "SeparableConv1D(x, 6, 5)": lambda: layers.SeparableConv1D(6, 5),
    "Conv1DTranspose(x, 6, 5, strides=3)": lambda: layers.Conv1DTranspose(6, 5, strides=3),
    "Conv1DTranspose(x, 6, 4, strides=3, padding=same, output_padding=1)": lambda: (
        layers.Conv1DTranspose(6, 4, strides=3, padding="same", output_padding=1)
    ),
    "Dense(x, 5)": lambda: layers.Dense(5),
    "MaxPooling1D(x)": layers.MaxPooling1D,
    "MaxPooling1D(x, 5, strides=2, padding=same)": lambda: layers.MaxPooling1D(
        5, strides=2, padding="same"
    ),
    "AveragePooling1D(x, pool_size=3)": lambda: layers.AveragePooling1D(3),
    "GlobalMaxPooling1D(x, keepdims=True)": lambda: layers.GlobalMaxPooling1D(keepdims=True),
    "GlobalAveragePooling1D(x)": layers.GlobalAveragePooling1D,
    "Flatten(x)": layers.Flatten,
    "Reshape(x, (-1, 2))": lambda: layers.Reshape((-1, 2)),
    "Activation(x, activation=gelu)": lambda: layers.Activation("gelu"),
    "ReLU(x, max_value=6.0)": lambda: layers.ReLU(6.0),
    "Dropout(x, 0.5)": lambda: layers.Dropout(0.5),
    "BatchNormalization(x, scale=False)": lambda: layers.BatchNormalization(scale=False),
    "LayerNormalization(x)": layers.LayerNormalization,
    "Cropping1D(x, 3)": lambda: layers.Cropping1D(3),
    "ZeroPadding1D(x, (1, 4))": lambda: layers.ZeroPadding1D((1, 4)),
    "UpSampling1D(x, 3)": lambda: layers.UpSampling1D(3),
    "LSTM(x, 5, return_sequences=True)": lambda: layers.LSTM(5, return_sequences=True),
    "GRU(x, 5)": lambda: layers.GRU(5),
    "SimpleRNN(x, 5, go_backwards=True)": lambda: layers.SimpleRNN(5, go_backwards=True),
}


@pytest.mark.parametrize("text", LAYERS)
def test_settings_shapes_and_weights_are_those_of_keras(text: str) -> None:
    x = keras.Input((36, 4), name="x")
    layer = LAYERS[text]()
    graph = read(keras.Model(x, layer(x), name="model")).graph
    found = parse(f"x: input [36, 4]; {layer.name}: {text}; return {layer.name}")
    assert found == graph
    assert settings(found[layer.name]) == settings(graph[layer.name])


def test_shapes_that_the_zoo_prints_are_implied() -> None:
    for name in ("basset", "bpnet_dense", "legnet", "topic_lstm", "enformer_ops"):
        graph = read(ZOO[name].model(small=True)).graph
        lines = str(graph).splitlines()
        bare = "\n".join(_without_shape(line) for line in lines)
        assert parse(bare) == graph, name
        assert bare.count("->") < len(lines) / 2


def _without_shape(line: str) -> str:
    """The line without its shape, if the kind implies one; merges of unequal ranks do not."""
    title = re.match(r"\s*\S+: (\w+(?:\.\w+)*)\(", line)
    kind = f"keras.{title[1]}" if title else ""
    known = kind in KINDS and KINDS[kind].shape and not kind.endswith("Multiply")
    return re.sub(r" -> \[.*?\]", "", line) if known else line


def test_names_kinds_and_values_that_are_no_words() -> None:
    text = """
    graph "a model"(x, "two words")
      x: input int8 [9, 4]
      "two words": input [9, 4]
      "heads:0": "keras.LSTM with a mask"(x, "two words", units=3) -> bool [3]
      f: ops.GetItem(x, kwargs={a: [1, -2.5e-07]}, args=($0, (slice(None, 3, None), Ellipsis)))\
 -> int8 [3]
      g: my.own.Layer(f, f, table=constant(float32, [9, 4]), by=object(Thing), "odd key"="True",\
 low=-inf) -> [] weights "two words"(a, "b c") renamed(a="b c")
      return g, "heads:0"
    """
    graph = parse(text)
    assert str(graph).splitlines() == [
        line.removeprefix("    ") for line in text.splitlines()[1:-1]
    ]
    assert parse(str(graph)) == graph
    config = graph["g"].config
    assert config["table"] == Constant("float32", (9, 4))
    assert config["by"] == Opaque("Thing")
    assert (config["odd key"], config["low"]) == ("True", float("-inf"))
    assert graph["f"].config["args"] == (Operand(0), (slice(None, 3, None), ...))
    assert graph["heads:0"].kind == "keras.LSTM with a mask"
    assert graph["g"].renamed == (("a", "b c"),)
    assert (graph.name, graph.inputs) == ("a model", ("x", "two words"))


def test_a_layer_with_several_results_has_no_shape_of_its_own() -> None:
    x = keras.Input((9, 4), name="x")
    y, *states = layers.LSTM(3, return_sequences=True, return_state=True, name="lstm")(x)
    graph = read(keras.Model(x, [y, *states], name="model")).graph
    assert_read_back(graph)
    assert graph["lstm"].shape == ()
    assert '"lstm:1": Item(lstm, index=1) -> [3]' in str(graph)


def test_lines_may_be_broken_inside_of_parentheses_and_have_comments() -> None:
    graph = parse(
        """
        x: input [9, 4]  # difference, width 1 of 9
        # a comment; with: a ) bracket
        c: Conv1D(
            x, filters=8,
            kernel_size=3,
        )  # [stop]
        return c; ; \n
        """
    )
    assert graph["c"].shape == (7, 8)


def test_a_program_of_a_text_has_the_facts_as_comments() -> None:
    program = program_of("x: input [9, 4]; c: Conv1D(x, 8, 3); return c, x")
    for step in PIPELINE:
        program = step(program)
    text = str(program)
    assert "# difference, width 1 of 9, need [0, 9)" in text
    assert parse(text) == program.graph


ERRORS = {
    "x: input": "Line 1, column 9: found the end of the text, expected `[`.",
    "x: input [9, a]": "Line 1, column 14: found `a`, expected a size.",
    "x: input [9, 4]\nc: Conv1D(y, 8, 3)": "Line 2, column 11: found `y`, expected one of the "
    "layers above: x.",
    "x: input [9, 4]\nc: Conv1D(x, 8 3)": "Line 2, column 16: found `3`, expected `,`.",
    "x: input [9, 4]\nc: Conv1D(x, 8)": "Line 2, column 4: found `Conv1D`, expected the setting "
    "`kernel_size` of keras.Conv1D.",
    "x: input [9, 4]\nc: Mine(x)\nreturn c": "Line 2, column 11: found the end of the line, "
    "expected `-> [L, C]`, since the shape of keras.Mine is not known here.",
    "x: input [9, 4]\nc: Dense(x, 3) -> [9, 4]": "Line 2, column 19: found `[`, expected the "
    "shape [9, 3], which its settings imply.",
    "x: input [9, 4]; x: input [9, 4]": "Line 1, column 18: found `x`, expected a name that no "
    "other layer has.",
    "x: input [9, 4]; y: input [8, 4]; z: Add(x, y)": "Line 1, column 38: found `Add`, expected a "
    "layer that fits inputs of shapes [(9, 4), (8, 4)]: its operands have different shapes.",
    "x: input [9, 4] y: input [8, 4]": "Line 1, column 17: found `y`, expected `;` or the end of "
    "the line.",
    "x: input [9, 4]": "Line 1, column 16: found the end of the text, expected a layer's name, or "
    "`return` and the names of the outputs.",
    "graph m(y); x: input [9, 4]; return x": "Line 1, column 9: found `y`, expected only names of "
    "layers below.",
    "x: input [9, 4]; return x; y": "Line 1, column 28: found `y`, expected the end of the text.",
    "x: input [9, 4]; c: Dense(x, units=3, 4)": "Line 1, column 39: found `4`, expected "
    "`key=value`.",
    "x: input [9, 4]; c: Dense(x, 3, units=4)": "Line 1, column 33: found `units`, expected a "
    "setting that is not given yet.",
    "x: input [9, 4]; c: Dense(x, units=)": "Line 1, column 36: found `)`, expected a value.",
    "x: input [9, 4]; c: Dense(x, units=%)": "Line 1, column 36: found `%`, expected a value.",
}  # fmt: skip


@pytest.mark.parametrize("text", ERRORS)
def test_errors_say_where_what_and_what_was_expected(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert str(caught.value) == ERRORS[text]
