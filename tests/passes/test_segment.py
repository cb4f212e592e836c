"""Values are references, differences, slabs or in full."""

from __future__ import annotations

from tests.support.passes import assert_prints, run_through


def test_a_segment_has_a_linear_head_and_a_nonlinear_tail() -> None:
    program = run_through(
        "segment",
        """
        x: input [60, 4]
        side: input [60, 8]
        conv: Conv1D(x, 8, 5, padding=same)
        norm: BatchNormalization(conv)
        relu: Activation(norm, activation=relu)
        wide: Conv1D(relu, 8, 3, padding=same, dilation_rate=4)
        sum: Add(norm, wide)
        twice: Activation(side, activation=relu)
        gate: Multiply(sum, twice)
        product: Multiply(sum, wide)
        pool: AveragePooling1D(product, 4)
        mean: GlobalAveragePooling1D(pool)
        out: Dense(mean, 2)
        return out, gate
        """,
    )
    assert_prints(
        program,
        """
        graph model(x, side)
          x: input [60, 4]  # difference
          side: input [60, 8]  # reference
          conv: Conv1D(x, filters=8, kernel_size=5, padding=same) -> [60, 8]  # difference, local linear
          norm: BatchNormalization(conv) -> [60, 8]  # difference, see-through linear
          relu: Activation(norm, activation=relu) -> [60, 8]  # slab, see-through
          wide: Conv1D(relu, filters=8, kernel_size=3, padding=same, dilation_rate=4) -> [60, 8]  # difference, local linear
          sum: Add(norm, wide) -> [60, 8]  # difference, aggregate linear
          twice: Activation(side, activation=relu) -> [60, 8]  # reference, see-through
          gate: Multiply(sum, twice) -> [60, 8]  # slab, aggregate
          product: Multiply(sum, wide) -> [60, 8]  # slab, aggregate
          pool: AveragePooling1D(product, pool_size=4) -> [15, 8]  # difference, pooling linear
          mean: GlobalAveragePooling1D(pool) -> [8]  # full, stop linear, stop: the mean sees every position
          out: Dense(mean, units=2) -> [2]  # full, stop, stop: after mean
          return out, gate
        """,
    )


def test_merges_of_wild_values_are_slabs_and_shifts_follow() -> None:
    program = run_through(
        "segment",
        """
        x: input [30, 4]
        conv: Conv1D(x, 8, 5)
        exp: Activation(conv, activation=exponential)
        sum: Add(exp, conv)
        crop: Cropping1D(sum, (2, 0))
        next: Conv1D(crop, 3, 3)
        tame: Add(conv, conv)
        return next, tame
        """,
    )
    assert_prints(
        program,
        """
        graph model(x)
          x: input [30, 4]  # difference
          conv: Conv1D(x, filters=8, kernel_size=5) -> [26, 8]  # difference, local linear
          exp: Activation(conv, activation=exponential) -> [26, 8]  # slab, see-through
          sum: Add(exp, conv) -> [26, 8]  # slab, aggregate linear
          crop: Cropping1D(sum, cropping=(2, 0)) -> [24, 8]  # slab, local linear
          next: Conv1D(crop, filters=3, kernel_size=3) -> [22, 3]  # difference, local linear
          tame: Add(conv, conv) -> [26, 8]  # difference, aggregate linear
          return next, tame
        """,
    )
    assert program.wild == {"exp", "sum", "crop", "next"}


def test_a_recurrence_of_wild_values_is_in_full() -> None:
    program = run_through(
        "segment",
        """
        x: input [30, 4]
        tame: LSTM(x, 3)
        exp: Activation(x, activation=exponential)
        wild: LSTM(exp, 3)
        return tame, wild
        """,
    )
    assert_prints(
        program,
        """
        graph model(x)
          x: input [30, 4]  # difference
          tame.states: ismc.States(x, cell=LSTM, units=3, activation=tanh, recurrent_activation=sigmoid, reset_after=False, backwards=False, sequences=False) -> [30, 6] weights tame(kernel, recurrent_kernel, bias, seed_generator_state) renamed(kernel=kernel, recurrent_kernel=recurrent_kernel, bias=bias)  # full, stop, stop: states of a recurrence
          tame: ismc.Recurrent(x, tame.states, cell=LSTM, units=3, activation=tanh, recurrent_activation=sigmoid, reset_after=False, backwards=False, sequences=False) -> [3] weights tame(kernel, recurrent_kernel, bias, seed_generator_state) renamed(kernel=kernel, recurrent_kernel=recurrent_kernel, bias=bias)  # full, stop, stop: each position depends on all before it
          exp: Activation(x, activation=exponential) -> [30, 4]  # slab, see-through
          wild.states: ismc.States(exp, cell=LSTM, units=3, activation=tanh, recurrent_activation=sigmoid, reset_after=False, backwards=False, sequences=False) -> [30, 6] weights wild(kernel, recurrent_kernel, bias, seed_generator_state) renamed(kernel=kernel, recurrent_kernel=recurrent_kernel, bias=bias)  # full, stop, stop: states of a recurrence
          wild: ismc.Recurrent(exp, wild.states, cell=LSTM, units=3, activation=tanh, recurrent_activation=sigmoid, reset_after=False, backwards=False, sequences=False) -> [3] weights wild(kernel, recurrent_kernel, bias, seed_generator_state) renamed(kernel=kernel, recurrent_kernel=recurrent_kernel, bias=bias)  # full, stop, stop: each position depends on all before it
          return tame, wild
        """,
    )
    assert program.rules["tame"].stop is not None
    assert program.rules["wild"].stop is None
