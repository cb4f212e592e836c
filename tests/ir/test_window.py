"""Laws of the window algebra, against brute force. No TensorFlow."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ismc.ir.window import Span, Spans, Window

windows = st.builds(
    Window,
    size=st.integers(1, 6),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 4),
    pad=st.integers(-3, 8),
    up=st.integers(1, 3),
)
plain = windows.map(lambda w: Window(w.size, w.stride, w.dilation, w.pad))
spans = st.builds(
    lambda start, width: Span(start, start + width), st.integers(-9, 30), st.integers(1, 8)
)
FAR = range(-80, 120)


def reads_one(window: Window, output: int) -> set[int]:
    """What one output reads, tap by tap."""
    first = output * window.stride - window.pad
    taps = (first + j * window.dilation for j in range(window.size))
    return {tap // window.up for tap in taps if tap % window.up == 0}


@given(windows, spans)
def test_reads_holds_what_every_output_reads(window: Window, span: Span) -> None:
    read = set().union(*(reads_one(window, o) for o in range(span.start, span.stop)))
    found = window.reads(span)
    assert all(found.start <= p < found.stop for p in read)
    if read and window.up == 1:
        assert (found.start, found.stop) == (min(read), max(read) + 1)


@given(windows, spans)
def test_reaches_holds_every_output_that_reads_the_span(window: Window, span: Span) -> None:
    inside = set(range(span.start, span.stop))
    touched = [o for o in FAR if reads_one(window, o) & inside]
    found = window.reaches(span)
    assert all(found.start <= o < found.stop for o in touched)
    if touched and window.up == 1 and window.dilation == 1 and window.size >= window.stride:
        assert (found.start, found.stop) == (touched[0], touched[-1] + 1)


@given(windows, plain, spans)
def test_composition_reads_what_one_after_the_other_reads(
    first: Window, second: Window, span: Span
) -> None:
    both = (first >> second).reads(span)
    apart = first.reads(second.reads(span))
    assert both == apart


@given(plain, plain, plain)
def test_composition_is_associative(a: Window, b: Window, c: Window) -> None:
    assert (a >> b) >> c == a >> (b >> c)


@given(windows, st.lists(spans, min_size=1, max_size=6))
def test_spans_of_many_sites_hold_those_of_each(window: Window, sites: list[Span]) -> None:
    many = Spans.hull(sites)
    through = many.through(window)
    for i in range(len(sites)):
        one = window.reaches(many[i])
        if one.width:
            assert through[i].start == one.start
            assert one.stop <= through[i].stop


@given(plain, st.lists(spans, min_size=1, max_size=6))
def test_what_spans_are_read_by_has_one_width(window: Window, sites: list[Span]) -> None:
    many = Spans.hull(sites)
    read = many.read_by(window)
    assert all(read[i] == window.reads(many[i]) for i in range(len(sites)))


@given(st.lists(spans, min_size=1, max_size=5), spans)
def test_within_covers_what_is_needed(sites: list[Span], need: Span) -> None:
    many = Spans.hull(sites)
    cut = many.within(need)
    assert cut.width <= max(many.width, need.width)
    for i in range(len(sites)):
        wanted = many[i] & need
        if wanted.width:
            assert cut[i].start <= wanted.start
            assert wanted.stop <= cut[i].stop


def test_hull_and_intersection() -> None:
    assert Span(0, 3) | Span(7, 9) == Span(0, 9)
    assert Span(0, 3) | Span(5, 5) == Span(0, 3)
    assert (Span(0, 3) & Span(5, 9)).width == 0
    assert Spans.hull([Span(-1, 2), Span(4, 5)]).hangs_over(Span(0, 9))


def test_bad_windows_are_refused() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Window(size=0)
    with pytest.raises(ValueError, match="may upsample"):
        Window() >> Window(up=2)


def test_the_algebra_needs_no_tensorflow() -> None:
    code = (
        "import sys, ismc.ir.window, ismc.ir.graph, ismc.rules; "
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603
