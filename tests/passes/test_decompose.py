"""Composite layers become their parts, which share and rename the weights."""

from __future__ import annotations

from tests.support.passes import assert_prints, run_through


def test_separable_bidirectional_and_backward_layers() -> None:
    program = run_through(
        "decompose",
        """
        x: input [40, 4]
        sep: SeparableConv1D(x, 8, 5, strides=2, depth_multiplier=3, padding=same)
        both: Bidirectional(sep, layer=LSTM(3, return_sequences=True)) weights both(kernel, kernel_1)
        each: TimeDistributed(both, layer=Dense(2)) weights each(kernel, bias)
        last: GRU(each, 5, go_backwards=True) weights last(kernel, recurrent_kernel)
        return last
        """,
    )
    assert_prints(
        program,
        """
        graph model(x)
          x: input [40, 4]
          sep/depthwise: DepthwiseConv1D(x, kernel_size=5, strides=2, padding=same, depth_multiplier=3, use_bias=False, filters=8) -> [20, 12] weights sep(depthwise_kernel, pointwise_kernel, bias) renamed(kernel=depthwise_kernel)
          sep: Conv1D(sep/depthwise, filters=8, kernel_size=1, use_bias=False, depth_multiplier=3) -> [20, 8] weights sep(depthwise_kernel, pointwise_kernel, bias) renamed(kernel=pointwise_kernel, bias=bias)
          both/forward.states: ismc.States(sep, cell=LSTM, units=3, activation=tanh, recurrent_activation=sigmoid, reset_after=False, backwards=False, sequences=True) -> [20, 6] weights both(kernel, kernel_1) renamed(kernel=kernel)
          both/forward: ismc.Recurrent(sep, both/forward.states, cell=LSTM, units=3, activation=tanh, recurrent_activation=sigmoid, reset_after=False, backwards=False, sequences=True) -> [20, 3] weights both(kernel, kernel_1) renamed(kernel=kernel)
          both/backward.states: ismc.States(sep, cell=LSTM, units=3, activation=tanh, recurrent_activation=sigmoid, reset_after=False, backwards=True, sequences=True) -> [20, 6] weights both(kernel, kernel_1) renamed(kernel=kernel_1)
          both/backward: ismc.Recurrent(sep, both/backward.states, cell=LSTM, units=3, activation=tanh, recurrent_activation=sigmoid, reset_after=False, backwards=True, sequences=True) -> [20, 3] weights both(kernel, kernel_1) renamed(kernel=kernel_1)
          both: Concatenate(both/forward, both/backward) -> [20, 6]
          each: Dense(both, units=2, layer=Dense(units=2)) -> [20, 2]
          last.states: ismc.States(each, cell=GRU, units=5, activation=tanh, recurrent_activation=sigmoid, reset_after=True, backwards=True, sequences=False) -> [20, 5] weights last(kernel, recurrent_kernel) renamed(kernel=kernel, recurrent_kernel=recurrent_kernel)
          last: ismc.Recurrent(each, last.states, cell=GRU, units=5, activation=tanh, recurrent_activation=sigmoid, reset_after=True, backwards=True, sequences=False) -> [5] weights last(kernel, recurrent_kernel) renamed(kernel=kernel, recurrent_kernel=recurrent_kernel)
          return last
        """,
    )


def test_what_looks_at_a_mask_keeps_state_or_computes_in_half_stays() -> None:
    program = run_through(
        "decompose",
        """
        x: input [40, 4]
        masked: "keras.LSTM with a mask"(x, units=3) -> [3]
        relu: TimeDistributed(x, layer=Dense(2, activation=relu))
        stateful: LSTM(x, 3, stateful=True)
        added: Bidirectional(x, layer=LSTM(3, activation=gelu), merge_mode=sum)
        half: SeparableConv1D(x, 8, 5, compute_dtype=float16) -> float16 [36, 8]
        return masked, relu, stateful, added, half
        """,
    )
    assert_prints(
        program,
        """
        graph model(x)
          x: input [40, 4]
          masked: "keras.LSTM with a mask"(x, units=3) -> [3]
          relu: TimeDistributed(x, layer=Dense(units=2, activation=relu)) -> [40, 2]
          stateful: LSTM(x, units=3, stateful=True) -> [3]
          added: Bidirectional(x, layer=LSTM(units=3, activation=gelu), merge_mode=sum) -> [3]
          half: SeparableConv1D(x, filters=8, kernel_size=5, compute_dtype=float16) -> float16 [36, 8]
          half.float32: ismc.Cast(half, dtype=float32) -> [36, 8]
          return masked, relu, stateful, added, half.float32
        """,
    )


def test_inputs_and_outputs_of_another_dtype_are_cast() -> None:
    program = run_through(
        "decompose",
        """
        x: input int8 [40, 4]
        side: input [40, 2]
        c: ops.Cast(x, dtype=float32) -> [40, 4]
        d: Dense(c, 3) -> float16 [40, 3]
        return d, c, side
        """,
    )
    assert_prints(
        program,
        """
        graph model(x, side)
          x: input [40, 4]
          x.int8: ismc.Cast(x, dtype=int8) -> int8 [40, 4]
          side: input [40, 2]
          c: ops.Cast(x.int8, dtype=float32) -> [40, 4]
          d: Dense(c, units=3) -> float16 [40, 3]
          d.float32: ismc.Cast(d, dtype=float32) -> [40, 3]
          return d.float32, c, side
        """,
    )
