"""What is recomputed in full, and what is then needed before it."""

from __future__ import annotations

from ismc.ir.window import Span
from tests.support.passes import assert_prints, run_through


def test_what_a_span_of_all_positions_follows_is_cheaper_in_full() -> None:
    program = run_through(
        "choose_recompute",
        """
        x: input [60, 4]
        a: Conv1D(x, 16, 9, padding=same)
        relu: Activation(a, activation=relu)
        b: Conv1D(relu, 16, 41, padding=same, dilation_rate=2)
        tail: Activation(b, activation=relu)
        c: Conv1D(tail, 5, 3)
        return c
        """,
    )
    assert_prints(
        program,
        """
        graph model(x)
          x: input [60, 4]  # difference, width 1 of 60, need [0, 60)
          a: Conv1D(x, filters=16, kernel_size=9, padding=same) -> [60, 16]  # difference, local linear, width 9 of 60, need [0, 60)
          relu: Activation(a, activation=relu) -> [60, 16]  # slab, see-through, width 9 of 60, need [0, 60)
          b: Conv1D(relu, filters=16, kernel_size=41, padding=same, dilation_rate=2) -> [60, 16]  # difference, local linear, width 60 of 60, need [0, 60)
          tail: Activation(b, activation=relu) -> [60, 16]  # slab, see-through, width 60 of 60, need [0, 60)
          c: Conv1D(tail, filters=5, kernel_size=3) -> [58, 5]  # full, stop, stop: cheaper in full
          return c
        """,
    )


def test_a_request_names_the_layer() -> None:
    text = """
    x: input [60, 4]
    a: Conv1D(x, 16, 3, padding=same)
    relu: Activation(a, activation=relu)
    crop: Cropping1D(relu, (20, 30))
    b: Conv1D(crop, 16, 3)
    mean: GlobalAveragePooling1D(b)
    return mean
    """
    program = run_through("choose_recompute", text, sites=((25, 26), (27, 28)), cut="crop")
    assert_prints(
        program,
        """
        graph model(x)
          x: input [60, 4]  # difference, width 1 of 60, need [0, 60)
          a: Conv1D(x, filters=16, kernel_size=3, padding=same) -> [60, 16]  # difference, local linear, width 3 of 60, need [0, 60)
          relu: Activation(a, activation=relu) -> [60, 16]  # slab, see-through, width 3 of 60, need [0, 60)
          crop: Cropping1D(relu, cropping=(20, 30)) -> [10, 16]  # full, stop, stop: cheaper in full
          b: Conv1D(crop, filters=16, kernel_size=3) -> [8, 16]  # full, stop, stop: cheaper in full
          mean: GlobalAveragePooling1D(b) -> [16]  # full, stop, stop: the mean sees every position
          return mean
        """,
    )
    before = run_through("propagate", text, ((25, 26), (27, 28)), cut="crop")
    assert before.need["relu"] == Span(20, 30)
    assert program.need["relu"] == Span(0, 60)
    assert program.spans.keys() == {"x", "a", "relu"}
