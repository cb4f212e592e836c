"""Nested models are inlined: names, several outputs, and weights that calls share."""

from __future__ import annotations

from tests.support.passes import assert_prints, run_through


def test_a_block_with_two_outputs_and_a_block_inside() -> None:
    program = run_through(
        "flatten",
        """
        x: input [40, 4]
        block: ismc.Model(x) -> [] {
          i: input [40, 4]
          conv: Conv1D(i, 4, 3, padding=same)
          deep: ismc.Model(conv) -> [38, 2] { j: input [40, 4]; conv: Conv1D(j, 2, 3); return conv }
          return conv, deep
        }
        "block:0": Item(block, index=0) -> [40, 4]
        "block:1": Item(block, index=1) -> [38, 2]
        sum: Add(x, "block:0")
        return sum, "block:1"
        """,
    )
    assert_prints(
        program,
        """
        graph model(x)
          x: input [40, 4]
          block/conv: Conv1D(x, filters=4, kernel_size=3, padding=same) -> [40, 4] weights conv(kernel, bias)
          block/deep/conv: Conv1D(block/conv, filters=2, kernel_size=3) -> [38, 2] weights conv(kernel, bias)
          sum: Add(x, block/conv) -> [40, 4]
          return sum, block/deep/conv
        """,
    )


def test_two_calls_share_weights_and_a_model_may_return_its_input() -> None:
    program = run_through(
        "flatten",
        """
        x: input [20, 4]
        one: ismc.Model(x) -> [20, 4] {
          i: input [20, 4]
          c: Conv1D(i, 4, 5, padding=same) weights shared(kernel, bias)
          return c
        }
        two: ismc.Model(one) -> [20, 4] {
          i: input [20, 4]
          c: Conv1D(i, 4, 5, padding=same) weights shared(kernel, bias)
          return c
        }
        same: ismc.Model(two) -> [20, 4] { i: input [20, 4]; return i }
        out: Add(x, same)
        return out
        """,
    )
    assert_prints(
        program,
        """
        graph model(x)
          x: input [20, 4]
          one/c: Conv1D(x, filters=4, kernel_size=5, padding=same) -> [20, 4] weights shared(kernel, bias)
          two/c: Conv1D(one/c, filters=4, kernel_size=5, padding=same) -> [20, 4] weights shared(kernel, bias)
          out: Add(x, two/c) -> [20, 4]
          return out
        """,
    )
