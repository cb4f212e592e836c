"""A Conv1D that is written as a Conv2D gets its positions on axis 1."""

from __future__ import annotations

from tests.support.passes import assert_prints, run_through


def test_a_residual_block_and_a_pool_are_transposed() -> None:
    program = run_through(
        "positions_first",
        """
        x: input [30, 4]
        wide: Reshape(x, (1, 30, 4))
        conv: Conv2D(wide, 6, (1, 5), strides=(1, 2))
        relu: ReLU(conv)
        same: Conv2D(relu, 6, (1, 3), padding=same, dilation_rate=(1, 2))
        sum: Add(relu, same)
        pool: MaxPooling2D(sum, (1, 2))
        flat: Flatten(pool)
        out: Dense(flat, 2)
        return out
        """,
    )
    assert_prints(
        program,
        """
        graph model(x)
          x: input [30, 4]
          wide: Reshape(x, target_shape=(30, 1, 4)) -> [30, 1, 4]
          conv: Conv2D(wide, filters=6, kernel_size=(5, 1), strides=(2, 1), transposed=True) -> [13, 1, 6]
          relu: ReLU(conv) -> [13, 1, 6]
          same: Conv2D(relu, filters=6, kernel_size=(3, 1), padding=same, dilation_rate=(2, 1), transposed=True) -> [13, 1, 6]
          sum: Add(relu, same) -> [13, 1, 6]
          pool: MaxPooling2D(sum, pool_size=(2, 1), transposed=True) -> [6, 1, 6]
          flat: Flatten(pool) -> [36]
          out: Dense(flat, units=2) -> [2]
          return out
        """,
    )


def test_before_other_layers_and_at_outputs_the_order_is_restored() -> None:
    program = run_through(
        "positions_first",
        """
        x: input [30, 4]
        wide: Reshape(x, (1, 30, 4))
        conv: Conv2D(wide, 6, (1, 5))
        norm: LayerNormalization(conv, axis=[2])
        after: Conv2D(norm, 2, (1, 3))
        return after, conv
        """,
    )
    assert_prints(
        program,
        """
        graph model(x)
          x: input [30, 4]
          wide: Reshape(x, target_shape=(30, 1, 4)) -> [30, 1, 4]
          conv: Conv2D(wide, filters=6, kernel_size=(5, 1), transposed=True) -> [26, 1, 6]
          conv.transposed: Reshape(conv, target_shape=(1, 26, 6)) -> [1, 26, 6]
          norm: LayerNormalization(conv.transposed, axis=[2]) -> [1, 26, 6]
          after: Conv2D(norm, filters=2, kernel_size=(1, 3)) -> [1, 24, 2]
          return after, conv.transposed
        """,
    )


def test_positions_that_are_first_stay() -> None:
    program = run_through(
        "positions_first",
        """
        x: input [30, 4]
        wide: Reshape(x, (30, 1, 4))
        conv: Conv2D(wide, 6, (5, 1))
        return conv
        """,
    )
    assert_prints(
        program,
        """
        graph model(x)
          x: input [30, 4]
          wide: Reshape(x, target_shape=(30, 1, 4)) -> [30, 1, 4]
          conv: Conv2D(wide, filters=6, kernel_size=(5, 1)) -> [26, 1, 6]
          return conv
        """,
    )
