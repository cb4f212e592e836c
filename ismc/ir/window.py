"""The algebra of positions: spans, the spans of many sites, and windows; without TensorFlow.

Positions are integers, and every interval is half-open. A window defines which inputs one output of
a layer reads. Convolution, pooling, cropping, padding and flattening differ only in its numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True, order=True)
class Span:
    """The positions ``start <= p < stop``; empty when ``stop <= start``.

    >>> Span(2, 7) & Span(5, 9)
    Span(start=5, stop=7)
    """

    start: int
    stop: int

    @property
    def width(self) -> int:
        """The number of positions, never negative."""
        return max(0, self.stop - self.start)

    def __and__(self, other: Span) -> Span:
        return Span(max(self.start, other.start), min(self.stop, other.stop))

    def __or__(self, other: Span) -> Span:
        """The smallest span that contains both; an empty span adds no position."""
        if not self.width or not other.width:
            return other if not self.width else self
        return Span(min(self.start, other.start), max(self.stop, other.stop))

    def __str__(self) -> str:
        return f"[{self.start}, {self.stop})"


@dataclass(frozen=True)
class Window:
    """The inputs that one output position reads: ``size`` taps, ``dilation`` apart.

    Output ``o`` reads the taps ``o * stride - pad + j * dilation`` for ``0 <= j < size``. With
    ``up > 1``, taps index the input stretched ``up`` times; only a tap divisible by ``up`` reads an
    input. This describes upsampling, flattening and transposed convolution.

    >>> Window(size=3, pad=1).reads(Span(4, 6))
    Span(start=3, stop=7)
    >>> Window(size=3, pad=1).reaches(Span(4, 5))
    Span(start=3, stop=6)
    """

    size: int = 1
    stride: int = 1
    dilation: int = 1
    pad: int = 0
    up: int = 1

    def __post_init__(self) -> None:
        if min(self.size, self.stride, self.dilation, self.up) < 1:
            raise ValueError(f"size, stride, dilation and up must be positive, found {self}.")

    @property
    def extent(self) -> int:
        """The distance from the first tap to the last."""
        return (self.size - 1) * self.dilation

    @property
    def pointwise(self) -> bool:
        """Whether output ``p`` reads only input ``p``."""
        return self == Window()

    def reads(self, span: Span) -> Span:
        """The hull of the inputs that the outputs of ``span`` read."""
        if not span.width:
            return span
        first = span.start * self.stride - self.pad
        last = (span.stop - 1) * self.stride - self.pad + self.extent
        return Span(-(-first // self.up), last // self.up + 1)

    def reaches(self, span: Span) -> Span:
        """The hull of the outputs that read any input of ``span``."""
        if not span.width:
            return span
        first = span.start * self.up + self.pad - self.extent
        last = (span.stop - 1) * self.up + self.pad
        return Span(-(-first // self.stride), last // self.stride + 1)

    def __rshift__(self, after: Window) -> Window:
        """The window of ``self`` followed by ``after``; dilation becomes size.

        >>> Window(size=3, pad=1) >> Window(size=2, stride=2)
        Window(size=4, stride=2, dilation=1, pad=1, up=1)
        """
        if after.up != 1:
            raise ValueError("Only the first of two windows may upsample.")
        size = self.extent + after.extent * self.stride + 1
        return Window(
            size, self.stride * after.stride, 1, self.pad + after.pad * self.stride, self.up
        )


@dataclass(frozen=True)
class Spans:
    """One span per site, all of the same width; they may extend past the ends of the sequence."""

    starts: tuple[int, ...]
    width: int

    @classmethod
    def hull(cls, spans: Sequence[Span]) -> Spans:
        """The spans, all extended to the width of the widest."""
        return cls(tuple(s.start for s in spans), max((s.width for s in spans), default=0))

    def __getitem__(self, site: int) -> Span:
        return Span(self.starts[site], self.starts[site] + self.width)

    @property
    def array(self) -> Array:
        """The starts as ``int64[sites]``."""
        return np.asarray(self.starts, np.int64)

    @property
    def fixed(self) -> bool:
        """Whether all sites share one span."""
        return len(set(self.starts)) == 1

    def through(self, window: Window) -> Spans:
        """The hulls of the outputs that read these spans, for a layer with this window."""
        if window.pointwise:
            return self
        starts = -(-(self.array * window.up + window.pad - window.extent) // window.stride)
        last = ((self.array + self.width - 1) * window.up + window.pad) // window.stride
        return _spans(starts, last + 1)

    def read_by(self, window: Window) -> Spans:
        """The hulls of the inputs that the outputs at these spans read."""
        if window.pointwise:
            return self
        first = self.array * window.stride - window.pad
        last = first + (self.width - 1) * window.stride + window.extent
        return _spans(-(-first // window.up), last // window.up + 1)

    def __or__(self, other: Spans) -> Spans:
        starts = np.minimum(self.array, other.array)
        return _spans(starts, np.maximum(self.array + self.width, other.array + other.width))

    def within(self, need: Span) -> Spans:
        """These spans, or ``need`` for every site if they are wider than it."""
        if self.width <= need.width:
            return self
        return Spans((need.start,) * len(self.starts), need.width)

    def hangs_over(self, inside: Span) -> bool:
        """Whether any site's span extends past ``inside``."""
        starts = self.array
        return bool(starts.size) and bool(
            starts.min() < inside.start or starts.max() + self.width > inside.stop
        )


def _spans(starts: Array, stops: Array) -> Spans:
    """The spans, all as wide as the widest; one position wide if a stride skips every site."""
    width = max(1, int((stops - starts).max())) if starts.size else 0
    return Spans(tuple(starts.tolist()), width)
