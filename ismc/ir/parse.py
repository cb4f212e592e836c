"""Reads the text of a graph, as `Graph` and every pass print it.

A statement is one call of a layer. It ends with the line or with ``;``, and ``#`` begins a comment:

    x: input [100, 4]; c: Conv1D(x, filters=8, kernel_size=7, padding=same); return c

* ``name: Kind(inputs, settings)``. Settings are those of Keras, and have its defaults; numbers
  without a key are the first settings of the kind. ``Conv1D`` is a class of Keras, ``ops.Exp`` a
  function of ``keras.ops``, and ``ismc.Take`` a class of another module.
* ``-> [L, C]`` is the shape, with the dtype before it unless that is float32. It may be left out
  where `ismc.ir.kinds` knows what the settings imply.
* ``weights owner(kernel, bias)`` and ``renamed(kernel=kernel_1)`` follow where the kind does not
  imply them, and ``{ ... }`` has the graph of a nested model.
* A name that is no word is in quotes. ``graph name(inputs)`` may come first; otherwise the
  inputs are in the order of their statements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, TypeVar

from ismc.errors import InputError
from ismc.ir.graph import Graph, Layer, Operand, Shape, implied_weights
from ismc.ir.kinds import REQUIRED, implied_shape, layer_kind
from ismc.ir.text import Constant, Opaque, kind_from_text
from ismc.ir.tokens import Token, tokens_of

CONSTANTS = {
    "True": True, "False": False, "None": None, "Ellipsis": ..., "inf": float("inf"),
    "nan": float("nan"),
}  # fmt: skip
T = TypeVar("T")


def parse(text: str) -> Graph:
    """The graph that a text describes.

    >>> graph = parse("x: input [100, 4]; c: Conv1D(x, filters=8, kernel_size=7); return c")
    >>> graph["c"].shape, graph["c"].config["strides"], graph["c"].weights
    ((94, 8), (1,), ('kernel', 'bias'))

    Raises:
        InputError: when the text is not a graph; the message says where, and what was expected.
    """
    parser = _Parser(tokens_of(text))
    graph = parser.graph()
    if parser.next.text:
        parser.fail("the end of the text")
    return graph


@dataclass
class _Parser:
    tokens: list[Token]
    place: int = 0
    layers: dict[str, Layer] = field(default_factory=dict)

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    def fail(self, expected: str, token: Token | None = None) -> NoReturn:
        token = token or self.next
        raise InputError(
            f"Line {token.line}, column {token.column}: found {token}, expected {expected}."
        )

    def take(self, expected: str, *kinds: str) -> Token:
        """The next token, which must be of one of the kinds."""
        if self.next.kind not in kinds:
            self.fail(expected)
        self.place += 1
        return self.tokens[self.place - 1]

    def skips(self, text: str) -> bool:
        """Whether the next token is this mark or word; it is skipped then."""
        found = self.next.text == text and self.next.kind in ("mark", "word")
        self.place += found
        return found

    def expect(self, text: str) -> None:
        if not self.skips(text):
            self.fail(f"`{text}`")

    def end_lines(self) -> None:
        while self.next.kind == "end" and self.next.text:
            self.place += 1

    # --- statements ---------------------------------------------------------------------------

    def graph(self) -> Graph:
        """The statements up to ``return``."""
        self.end_lines()
        name, inputs, header = "model", (), 0
        if self.is_keyword("graph"):
            self.place += 1
            name = self.name("the name of the graph")
            self.expect("(")
            header = self.place
            inputs = self.items(")", lambda: self.name("the name of an input"))
            self.end_lines()
        while not self.is_keyword("return"):
            self.statement()
            if self.next.kind != "end":
                self.fail("`;` or the end of the line")
            self.end_lines()
        self.place += 1
        outputs = [self.defined()]
        while self.skips(","):
            outputs.append(self.defined())
        self.end_lines()
        if inputs and not self.layers.keys() >= set(inputs):
            self.fail("only names of layers below", self.tokens[header])
        starts = tuple(n.name for n in self.layers.values() if not n.inputs)
        return Graph(name, tuple(self.layers.values()), inputs or starts, tuple(outputs))

    def is_keyword(self, word: str) -> bool:
        """Whether a statement begins with this word, which may also be the name of a layer."""
        return self.next.text == word and self.tokens[self.place + 1].text != ":"

    def statement(self) -> None:
        """One layer, under a name that no other has."""
        token = self.next
        name = self.name("a layer's name, or `return` and the names of the outputs")
        if name in self.layers:
            self.fail("a name that no other layer has", token)
        self.expect(":")
        self.layers[name] = self.input(name) if self.is_input() else self.call(name)

    def is_input(self) -> bool:
        return self.next.text == "input" and self.tokens[self.place + 1].text != "("

    def input(self, name: str) -> Layer:
        self.place += 1
        dtype, shape = self.typed_shape()
        return Layer(name, "keras.InputLayer", (), shape, dtype)

    def call(self, name: str) -> Layer:
        token = self.next
        kind = self.kind()
        self.expect("(")
        inputs, config = self.arguments(kind, token)
        layer = Layer(name, kind, inputs, (), self.dtype_of(inputs), config)
        layer = self.shaped(layer, token)
        owner, weights = implied_weights(name, kind, config)
        layer = replace(layer, owner=owner, weights=weights)
        if self.skips("weights"):
            owner = self.name("the owner of the weights")
            self.expect("(")
            weights = self.items(")", lambda: self.name("the name of a weight"))
            layer = replace(layer, owner=owner if weights else "", weights=weights)
        if self.skips("renamed"):
            self.expect("(")
            layer = replace(layer, renamed=self.items(")", self.renaming))
        if self.skips("{"):
            inner = _Parser(self.tokens, self.place)
            layer = replace(layer, body=inner.graph())
            self.place = inner.place
            self.expect("}")
        return layer

    def renaming(self) -> tuple[str, str]:
        part = self.name("the name of a part's weight")
        self.expect("=")
        return part, self.name("the name of the layer's weight")

    # --- parts of a statement -----------------------------------------------------------------

    def name(self, expected: str) -> str:
        return str(self.take(expected, "word", "string").value)

    def defined(self) -> str:
        """The name of a layer above."""
        token = self.next
        name = self.name("the name of a layer")
        if name not in self.layers:
            self.fail(
                f"one of the layers above: {', '.join(self.layers) or 'there is none'}", token
            )
        return name

    def kind(self) -> str:
        token = self.take("the kind of the layer, as Conv1D", "word", "string")
        return str(token.value) if token.kind == "string" else kind_from_text(token.text)

    def arguments(self, kind: str, token: Token) -> tuple[tuple[str, ...], dict[str, Any]]:
        """The inputs and the settings of a call, after its parenthesis."""
        inputs: list[str] = []
        given: dict[str, Any] = {}
        keyed = False
        free = [key for key in layer_kind(kind).defaults if key != "kwargs"]
        while not self.skips(")"):
            if self.tokens[self.place + 1].text == "=":
                keyed, found = True, self.next
                key = self.name("a setting")
                if key in given:
                    self.fail("a setting that is not given yet", found)
                self.place += 1
                given[key] = self.value()
            elif self.next.kind in ("word", "string") and not given:
                inputs.append(self.defined())
            elif self.next.kind not in ("word", "string") and free and not keyed:
                given[free.pop(0)] = self.value()
            else:
                self.fail("`key=value`")
            if self.next.text != ")":
                self.expect(",")
        return tuple(inputs), self.filled(kind, given, len(inputs), token)

    def filled(
        self, kind: str, given: Mapping[str, Any], inputs: int, token: Token
    ) -> dict[str, Any]:
        """The settings with the defaults of the kind."""
        config = layer_kind(kind).filled(given)
        missing = [key for key, value in config.items() if value is REQUIRED]
        if missing:
            self.fail(f"the setting `{missing[0]}` of {kind}", token)
        if kind.startswith("keras.ops."):
            config.setdefault("args", tuple(map(Operand, range(inputs))))
        return config

    def shaped(self, layer: Layer, token: Token) -> Layer:
        """The layer with the shape that is written, which must be the one that is implied."""
        shapes = [self.layers[name].shape for name in layer.inputs]
        try:
            implied = implied_shape(layer.kind, layer.config, shapes)
        except (ValueError, IndexError, TypeError, KeyError) as error:
            self.fail(f"a layer that fits inputs of shapes {shapes}: {error}", token)
        if self.skips("->"):
            found = self.next
            dtype, shape = self.typed_shape()
            if implied is not None and shape != implied:
                self.fail(f"the shape {list(implied)}, which its settings imply", found)
            return replace(layer, shape=shape, dtype=dtype)
        if implied is None:
            self.fail(f"`-> [L, C]`, since the shape of {layer.kind} is not known here")
        return replace(layer, shape=implied)

    def typed_shape(self) -> tuple[str, Shape]:
        dtype = self.take("a dtype", "word").text if self.next.kind == "word" else "float32"
        self.expect("[")
        return dtype, self.items("]", self.size)

    def size(self) -> int:
        token = self.take("a size", "number")
        if not token.text.isdigit():
            self.fail("a size", token)
        return int(token.text)

    def dtype_of(self, inputs: tuple[str, ...]) -> str:
        return self.layers[inputs[0]].dtype if inputs else "float32"

    def items(self, close: str, item: Callable[[], T]) -> tuple[T, ...]:
        """Items between commas, up to a closing mark."""
        found: list[T] = []
        while not self.skips(close):
            found.append(item())
            if self.next.text != close:
                self.expect(",")
        return tuple(found)

    # --- values -------------------------------------------------------------------------------

    def value(self) -> Any:
        """The value of a setting."""
        token = self.take("a value", "word", "number", "string", "mark")
        if token.kind in ("number", "string"):
            return token.value
        if token.kind == "word":
            return self.word(token)
        if token.text == "(":
            return self.items(")", self.value)
        if token.text == "[":
            return list(self.items("]", self.value))
        if token.text == "{":
            return dict(self.items("}", self.pair))
        return self.fail("a value", token)

    def word(self, token: Token) -> Any:
        """A constant, an operand, a word, or what looks like a call."""
        text = token.text
        if text in CONSTANTS:
            return CONSTANTS[text]
        if text.startswith("$") and text[1:].isdigit():
            return Operand(int(text[1:]))
        if not self.skips("("):
            return text
        if text == "slice":
            return slice(*self.items(")", self.value))
        if text == "constant":
            dtype, shape = self.items(")", self.value)
            return Constant(dtype, tuple(shape))
        if text == "object":
            return Opaque(*self.items(")", self.value))
        kind = kind_from_text(text)
        _, config = self.arguments(kind, token)
        return {
            "module": "keras.layers", "class_name": text, "config": config,
            "registered_name": None,
        }  # fmt: skip

    def pair(self) -> tuple[str, Any]:
        key = self.name("a key")
        self.expect(":")
        return key, self.value()
