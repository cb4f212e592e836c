"""Spans follow forward, needs and extents backward."""

from __future__ import annotations

from ismc.ir.window import Spans
from tests.support.passes import assert_prints, run_through


def test_spans_of_ranges_that_hang_over_the_ends() -> None:
    program = run_through(
        "propagate",
        """
        x: input [60, 4]
        conv: Conv1D(x, 8, 5, padding=same)
        relu: Activation(conv, activation=relu)
        wide: Conv1D(relu, 8, 3, padding=same, dilation_rate=4)
        sum: Add(relu, wide)
        pool: MaxPooling1D(sum, 3)
        last: Conv1D(pool, 2, 3)
        return last, pool
        """,
        sites=((0, 1), (30, 34), (58, 60)),
    )
    assert_prints(
        program,
        """
        graph model(x)
          x: input [60, 4]  # difference, width 4 of 60, need [0, 60)
          conv: Conv1D(x, filters=8, kernel_size=5, padding=same) -> [60, 8]  # difference, local linear, width 8 of 60, need [0, 60)
          relu: Activation(conv, activation=relu) -> [60, 8]  # slab, see-through, width 8 of 60, need [0, 60)
          wide: Conv1D(relu, filters=8, kernel_size=3, padding=same, dilation_rate=4) -> [60, 8]  # difference, local linear, width 16 of 60, need [0, 60)
          sum: Add(relu, wide) -> [60, 8]  # difference, aggregate linear, width 16 of 60, need [0, 60)
          pool: MaxPooling1D(sum, pool_size=3) -> [20, 8]  # slab, pooling, width 6 of 20, need [0, 20)
          last: Conv1D(pool, filters=2, kernel_size=3) -> [18, 2]  # difference, local linear, width 8 of 18, need [0, 18)
          return last, pool
        """,
    )
    assert program.spans["x"].starts == (0, 30, 58)
    assert program.spans["conv"].starts == (-2, 28, 56)
    assert program.spans["wide"].starts == (-6, 24, 52)
    assert program.spans["pool"].starts == (-2, 8, 17)
    assert program.spans["last"].starts == (-4, 6, 15)
    assert program.extents["relu"] == program.spans["relu"]
    assert program.extents["pool"] == program.spans["pool"]


def test_what_a_crop_and_a_dense_need() -> None:
    program = run_through(
        "propagate",
        """
        x: input [60, 4]
        a: Conv1D(x, 6, 9)
        relu: Activation(a, activation=relu)
        crop: Cropping1D(relu, (20, 30))
        b: Conv1D(crop, 5, 2)
        flat: Flatten(b)
        out: Dense(flat, 2)
        return out
        """,
        sites=((25, 26), (27, 28)),
    )
    assert_prints(
        program,
        """
        graph model(x)
          x: input [60, 4]  # difference, width 1 of 60, need [20, 30)
          a: Conv1D(x, filters=6, kernel_size=9) -> [52, 6]  # difference, local linear, width 2 of 52, need [20, 22)
          relu: Activation(a, activation=relu) -> [52, 6]  # slab, see-through, width 2 of 52, need [20, 22)
          crop: Cropping1D(relu, cropping=(20, 30)) -> [2, 6]  # slab, local linear, width 2 of 2, need [0, 2)
          b: Conv1D(crop, filters=5, kernel_size=2) -> [1, 5]  # difference, local linear, width 1 of 1, need [0, 1)
          flat: Flatten(b) -> [5]  # difference, local linear, width 5 of 5, need [0, 5)
          out: Dense(flat, units=2) -> [2]  # full, stop linear, stop: every unit reads every position
          return out
        """,
    )
    assert program.spans["a"].starts == (20, 20)
    assert program.spans["flat"].starts == (0, 0)


def test_the_extent_of_a_slab_is_what_a_pool_reads() -> None:
    program = run_through(
        "propagate",
        """
        x: input [60, 4]
        relu: Activation(x, activation=relu)
        pool: MaxPooling1D(relu, 5, strides=3)
        tanh: Activation(pool, activation=tanh)
        return tanh
        """,
        sites=((7, 8), (10, 11), (59, 60)),
    )
    assert_prints(
        program,
        """
        graph model(x)
          x: input [60, 4]  # difference, width 1 of 60, need [0, 59)
          relu: Activation(x, activation=relu) -> [60, 4]  # slab, see-through, width 1 of 60, need [0, 59)
          pool: MaxPooling1D(relu, pool_size=5, strides=3) -> [19, 4]  # slab, pooling, width 2 of 19, need [0, 19)
          tanh: Activation(pool, activation=tanh) -> [19, 4]  # slab, see-through, width 2 of 19, need [0, 19)
          return tanh
        """,
    )
    assert program.extents["relu"] == Spans((3, 6, 57), 8)
    assert program.extents["pool"] == program.spans["pool"] == Spans((1, 2, 19), 2)
