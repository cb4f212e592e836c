"""A seeded stream of random choices, and drawing from a menu of weighted makers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
Function = Callable[[Any], Any]
Maker = Callable[["Draw", int, int], Any]
Menu = Sequence[tuple[float, Callable[..., Any]]]
ACTIVATIONS = (
    "relu", "gelu", "tanh", "sigmoid", "softplus", "silu", "elu", "softmax", "selu", "leaky_relu",
    "hard_sigmoid", "softsign", "mish",
)  # fmt: skip
MAX_LENGTH = 80


@dataclass
class Draw:
    """A stream of random choices, and the context inputs made on the way.

    Attributes:
        rng: the generator; the same seed draws the same model.
        contexts: inputs that are not mutated.
        level: how many models this draw is nested in.
        masked: whether some values may carry a mask, which Softmax layers of Keras do not take.
    """

    rng: np.random.Generator
    contexts: list[Any] = field(default_factory=list)
    level: int = 0
    masked: bool = False

    def integer(self, low: int, high: int) -> int:
        """An integer in ``[low, high]``; ``low`` where there is none."""
        return int(self.rng.integers(low, max(low, high) + 1))

    def chance(self, share: float) -> bool:
        """True in a ``share`` of all draws."""
        return bool(self.rng.random() < share)

    def pick(self, options: Sequence[T], weights: Sequence[float] | None = None) -> T:
        """One of the options."""
        if weights is None:
            return options[int(self.rng.integers(len(options)))]
        shares = np.asarray(weights) / np.sum(weights)
        return options[int(self.rng.choice(len(options), p=shares))]

    def normal(self, *shape: int) -> np.ndarray:
        """Standard normal numbers, float32."""
        return self.rng.standard_normal(shape, dtype=np.float32)

    def from_menu(self, menu: Menu, *args: Any) -> Any:
        """What the first maker that does not decline makes of ``args``."""
        weights = [weight for weight, _ in menu]
        while True:
            made = self.pick([maker for _, maker in menu], weights)(self, *args)
            if made is not None:
                return made

    def activation(self, channels: int, options: Sequence[T]) -> T:
        """An activation; a softmax over one channel is always one, and Keras warns of it."""
        return self.pick([o for o in options if channels > 1 or o != "softmax"])

    def divisor(self, number: int) -> int:
        """A divisor of ``number``."""
        return self.pick([d for d in range(1, number + 1) if number % d == 0])
