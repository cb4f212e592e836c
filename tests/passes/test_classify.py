"""Roles follow from layers: local, see-through, aggregate, pooling or stop."""

from __future__ import annotations

from ismc.ir.window import Window
from tests.support.passes import assert_prints, run_through


def test_roles_of_a_residual_block_with_several_heads() -> None:
    program = run_through(
        "classify",
        """
        x: input [60, 4]
        side: input [60, 2]
        first: Conv1D(x, 8, 5, padding=same)
        relu: Activation(first, activation=relu)
        wide: Conv1D(relu, 8, 3, padding=same, dilation_rate=4)
        sum: Add(relu, wide)
        pool: MaxPooling1D(sum, 3, strides=2)
        both: Concatenate(side, x)
        flat: Flatten(pool)
        dense: Dense(flat, 2)
        after: Activation(dense, activation=sigmoid)
        mean: GlobalAveragePooling1D(pool)
        dead: my.Layer(pool) -> [7]
        unknown: my.Layer(pool) -> [29, 8]
        last: Conv1D(unknown, 2, 3)
        context: Dense(side, 3)
        return after, mean, both, last, context
        """,
    )
    assert_prints(
        program,
        """
        graph model(x, side)
          x: input [60, 4]
          side: input [60, 2]
          first: Conv1D(x, filters=8, kernel_size=5, padding=same) -> [60, 8]  # local linear
          relu: Activation(first, activation=relu) -> [60, 8]  # see-through
          wide: Conv1D(relu, filters=8, kernel_size=3, padding=same, dilation_rate=4) -> [60, 8]  # local linear
          sum: Add(relu, wide) -> [60, 8]  # aggregate linear
          pool: MaxPooling1D(sum, pool_size=3, strides=2) -> [29, 8]  # pooling
          both: Concatenate(side, x) -> [60, 6]  # aggregate linear
          flat: Flatten(pool) -> [232]  # local linear
          dense: Dense(flat, units=2) -> [2]  # stop linear, stop: every unit reads every position
          after: Activation(dense, activation=sigmoid) -> [2]  # stop, stop: after dense
          mean: GlobalAveragePooling1D(pool) -> [8]  # stop linear, stop: the mean sees every position
          dead: my.Layer(pool) -> [7]
          unknown: my.Layer(pool) -> [29, 8]  # stop, stop: no rule for Layer
          last: Conv1D(unknown, filters=2, kernel_size=3) -> [27, 2]  # stop, stop: after unknown
          context: Dense(side, units=3) -> [60, 3]  # see-through linear
          return after, mean, both, last, context
        """,
    )
    assert "dead" not in program.live
    assert "dead" not in program.rules
    assert program.rules["wide"].window == Window(size=3, dilation=4, pad=4)
    assert program.rules["pool"].window == Window(size=3, stride=2)


def test_what_comes_after_a_layer_to_stop_at_is_a_stop() -> None:
    program = run_through(
        "classify",
        """
        x: input [60, 4]
        c: Conv1D(x, 8, 5)
        a: Activation(c, activation=relu)
        d: Conv1D(a, 8, 5)
        skip: Conv1D(c, 8, 5)
        return d, skip
        """,
        stop_at=("a",),
    )
    assert_prints(
        program,
        """
        graph model(x)
          x: input [60, 4]
          c: Conv1D(x, filters=8, kernel_size=5) -> [56, 8]  # local linear
          a: Activation(c, activation=relu) -> [56, 8]  # see-through
          d: Conv1D(a, filters=8, kernel_size=5) -> [52, 8]  # stop, stop: after a
          skip: Conv1D(c, filters=8, kernel_size=5) -> [52, 8]  # local linear
          return d, skip
        """,
    )


def test_masks_and_other_dtypes_stop() -> None:
    program = run_through(
        "classify",
        """
        x: input [30, 4]
        half: Conv1D(x, 8, 5, compute_dtype=float16)
        masking: Masking(x, mask_value=1.0) -> [30, 4]
        mask: ismc.Mask(x) -> bool [30]
        lstm: "keras.LSTM with a mask"(masking, mask, units=3) -> [3]
        return half, lstm
        """,
    )
    assert_prints(
        program,
        """
        graph model(x)
          x: input [30, 4]
          half: Conv1D(x, filters=8, kernel_size=5, compute_dtype=float16) -> [26, 8]  # stop, stop: it computes in float16
          masking: Masking(x, mask_value=1.0) -> [30, 4]  # stop, stop: a mask is taken from it
          mask: ismc.Mask(x) -> bool [30]  # stop, stop: a mask
          lstm: "keras.LSTM with a mask"(masking, mask, units=3) -> [3]  # stop, stop: it looks at a mask
          return half, lstm
        """,
    )
