"""The algebra of positions: spans, the spans of many sites, and windows. No TensorFlow here.

Positions are integers; every interval is half-open. A window says which inputs one output of a
layer reads, so convolution, pooling, cropping, padding and flattening differ in numbers alone.
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
        """The smallest span that holds both; an empty span adds nothing."""
        if not self.width or not other.width:
            return other if not self.width else self
        return Span(min(self.start, other.start), max(self.stop, other.stop))

    def __str__(self) -> str:
        return f"[{self.start}, {self.stop})"


@dataclass(frozen=True)
class Window:
    """What one output position reads: ``size`` taps, ``dilation`` apart, every ``stride``.

    Output ``o`` reads the taps ``o * stride - pad + j * dilation`` for ``0 <= j < size``. With
    ``up > 1`` the taps lie on the input stretched ``up`` times, and only the taps divisible by
    ``up`` hold an input (upsampling, flattening, transposed convolution).

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
        """Distance from the first tap to the last."""
        return (self.size - 1) * self.dilation

    @property
    def pointwise(self) -> bool:
        """Whether output ``p`` reads input ``p`` and nothing else."""
        return self == Window()

    def reads(self, span: Span) -> Span:
        """The inputs that the outputs of ``span`` read (their hull)."""
        if not span.width:
            return span
        first = span.start * self.stride - self.pad
        last = (span.stop - 1) * self.stride - self.pad + self.extent
        return Span(-(-first // self.up), last // self.up + 1)

    def reaches(self, span: Span) -> Span:
        """The outputs that read any input of ``span`` (their hull)."""
        if not span.width:
            return span
        first = span.start * self.up + self.pad - self.extent
        last = (span.stop - 1) * self.up + self.pad
        return Span(-(-first // self.stride), last // self.stride + 1)

    def __rshift__(self, after: Window) -> Window:
        """The hull of ``self`` followed by ``after``: dilation is spelled out as size.

        >>> Window(size=3, pad=1) >> Window(size=2, stride=2)
        Window(size=4, stride=2, dilation=1, pad=1, up=1)
        """
        if after.up != 1:
            raise ValueError("A window that upsamples can only come first.")
        size = self.extent + after.extent * self.stride + 1
        return Window(
            size, self.stride * after.stride, 1, self.pad + after.pad * self.stride, self.up
        )


@dataclass(frozen=True)
class Spans:
    """One span per site, all of one width; they may hang over the ends of the sequence."""

    starts: tuple[int, ...]
    width: int

    @classmethod
    def hull(cls, spans: Sequence[Span]) -> Spans:
        """The spans widened to the width of the widest."""
        return cls(tuple(s.start for s in spans), max((s.width for s in spans), default=0))

    def __getitem__(self, site: int) -> Span:
        return Span(self.starts[site], self.starts[site] + self.width)

    @property
    def array(self) -> Array:
        """The starts as ``int64[sites]``."""
        return np.asarray(self.starts, np.int64)

    @property
    def fixed(self) -> bool:
        """Whether all sites have the same span."""
        return len(set(self.starts)) == 1

    def through(self, window: Window) -> Spans:
        """Where a layer with this window carries them: the hull of what each site reaches."""
        if window.pointwise:
            return self
        starts = -(-(self.array * window.up + window.pad - window.extent) // window.stride)
        last = ((self.array + self.width - 1) * window.up + window.pad) // window.stride
        return _spans(starts, last + 1)

    def read_by(self, window: Window) -> Spans:
        """What the outputs at these spans read: all of one width when nothing is upsampled."""
        if window.pointwise:
            return self
        first = self.array * window.stride - window.pad
        last = first + (self.width - 1) * window.stride + window.extent
        return _spans(-(-first // window.up), last // window.up + 1)

    def __or__(self, other: Spans) -> Spans:
        starts = np.minimum(self.array, other.array)
        return _spans(starts, np.maximum(self.array + self.width, other.array + other.width))

    def within(self, need: Span) -> Spans:
        """The same spans, or ``need`` itself for every site when they are wider than it."""
        if self.width <= need.width:
            return self
        return Spans((need.start,) * len(self.starts), need.width)

    def hangs_over(self, inside: Span) -> bool:
        """Whether any site's span leaves ``inside``."""
        starts = self.array
        return bool(starts.size) and bool(
            starts.min() < inside.start or starts.max() + self.width > inside.stop
        )


def _spans(starts: Array, stops: Array) -> Spans:
    """Spans of the width of the widest; of one position where a stride skips all sites."""
    width = max(1, int((stops - starts).max())) if starts.size else 0
    return Spans(tuple(starts.tolist()), width)
