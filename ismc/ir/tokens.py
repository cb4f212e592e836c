"""The words, numbers and marks that the text of a graph consists of."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

TOKENS = re.compile(
    r"""(?P<space>[^\S\n]+|\#[^\n]*)
    |(?P<end>[\n;])
    |(?P<string>"(?:[^"\\\n]|\\.)*")
    |(?P<number>-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?(?![\w.])|-inf(?!\w))
    |(?P<word>[A-Za-z_$](?:[\w./]|-(?!>))*)
    |(?P<mark>->|[:,=()\[\]{}])
    |(?P<other>.)""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    """A word, number, string, mark or end of a statement, and where it begins, from 1."""

    kind: str
    text: str
    line: int
    column: int

    @property
    def value(self) -> int | float | str:
        """The number, or the text without quotes."""
        if self.kind == "number":
            is_integer = re.fullmatch(r"-?\d+", self.text)
            return int(self.text) if is_integer else float(self.text)
        return json.loads(self.text) if self.kind == "string" else self.text

    def __str__(self) -> str:
        names = {"\n": "the end of the line", "": "the end of the text"}
        return names.get(self.text, f"`{self.text}`")


def tokens_of(text: str) -> list[Token]:
    """The tokens; line ends count only outside of parentheses and brackets."""
    tokens, depth, line, start = [], 0, 1, 0
    for match in TOKENS.finditer(text):
        kind, found = str(match.lastgroup), match.group()
        token = Token(kind, found, line, match.start() - start + 1)
        depth += (found in ("(", "[")) - (found in (")", "]"))
        if found == "\n":
            line, start = line + 1, match.end()
        if kind != "space" and not (found == "\n" and depth > 0):
            tokens.append(token)
    return [*tokens, Token("end", "", line, len(text) - start + 1)]
