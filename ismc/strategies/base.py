"""`Strategy`: one way to compute a convolution of differences."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from ismc.plan.cost import Cost
from ismc.plan.target import Target
from ismc.rules.base import Expr


@dataclass(frozen=True)
class Convolution:
    """A Conv1D on the difference of one mutant.

    Attributes:
        width: changed positions of the input.
        out: changed positions of the output.
        size: taps of the kernel.
        channels: input channels of a group.
        filters: output channels of all groups.
        groups: groups of channels.
        stride: positions from one output to the next.
        dilation: positions from one tap to the next.
        precision: the type that operands of products are rounded to.
    """

    width: int
    out: int
    size: int
    channels: int
    filters: int
    groups: int = 1
    stride: int = 1
    dilation: int = 1
    precision: str = "float32"

    @property
    def reach(self) -> int:
        """Positions of the output that the changed positions reach, if the stride is 1."""
        return self.width + (self.size - 1) * self.dilation

    @property
    def rounded(self) -> bool:
        """Whether operands of products are rounded to fewer digits than those of float32."""
        return self.precision != "float32"

    @property
    def weights(self) -> int:
        """Bytes of the kernel."""
        return 4 * self.size * self.channels * self.filters

    @property
    def written(self) -> int:
        """Bytes of the result."""
        return 4 * self.out * self.filters

    @property
    def options(self) -> dict[str, int]:
        """The stride and the dilation as arguments, each unless it is 1."""
        options = {"strides": self.stride, "dilation": self.dilation}
        return {name: value for name, value in options.items() if value > 1}


class Strategy(ABC):
    """One way to compute a convolution of differences ``[N, W, C]``.

    A module of `ismc.strategies` has one subclass and the array functions that programs call. It is
    found by its place alone, and its examples are tests.

    Attributes:
        name: the name in plans, in `explain` and in the cache of `autotune`.
        targets: kinds of targets that it is for.
        slow_to_compile: whether XLA takes so long to compile it that it must save operations.
        cancels: whether its sums may cancel, so that operands must not be rounded.
        crops: whether it takes ``crop``, the first output and the number of outputs to compute.
        reads_flanks: whether it reads all the inputs of its outputs, not the changed ones alone.
        replaces: strategies in whose place it is used if all mutants fit one tile.
        examples: convolutions that it applies to; the first target of `targets` computes them.
    """

    name: ClassVar[str]
    targets: ClassVar[tuple[str, ...]] = ("cpu", "gpu")
    slow_to_compile: ClassVar[bool] = False
    cancels: ClassVar[bool] = False
    crops: ClassVar[bool] = False
    reads_flanks: ClassVar[bool] = False
    replaces: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Convolution, ...]]

    def available(self, conv: Convolution, target: Target) -> bool:
        """Whether the strategy computes this convolution exactly on this target."""
        exact = not (self.cancels and conv.rounded)
        return target.kind in self.targets and exact and self.applies(conv)

    @abstractmethod
    def applies(self, conv: Convolution) -> bool:
        """Whether the strategy computes convolutions of this shape."""

    @abstractmethod
    def cost(self, conv: Convolution, target: Target) -> Cost:
        """What one mutant costs."""

    def prepare(self, conv: Convolution) -> Expr | None:
        """The call that transforms the weights before the loop; ``None`` for the weights as is."""
        del conv

    @abstractmethod
    def apply(self, conv: Convolution) -> Expr:
        """The call in the loop, of the difference and of the weights, prepared or not."""
