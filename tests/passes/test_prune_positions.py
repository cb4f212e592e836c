"""Only positions on the lattice that the outputs need are computed."""

from __future__ import annotations

from ismc.ir.window import Window
from ismc.passes.prune_positions import ALL, Lattice
from tests.support.passes import assert_prints, run_through


def test_one_position_of_a_dilated_residual_block() -> None:
    program = run_through(
        "prune_positions",
        """
        x: input [141, 4]
        a: Conv1D(x, 6, 3, padding=same, dilation_rate=5)
        b: Conv1D(a, 6, 3, padding=same, dilation_rate=10)
        sum: Add(a, b)
        c: Conv1D(sum, 6, 3, padding=same, dilation_rate=10)
        one: Cropping1D(c, 70)
        return one
        """,
    )
    assert_prints(
        program,
        """
        graph model(x)
          x: input [141, 4]
          "x[0::5]": ismc.Take(x, start=0, stride=5) -> [29, 4]  # local linear
          a: Conv1D("x[0::5]", filters=6, kernel_size=3, strides=2, padding=(1, 1)) -> [15, 6]  # local linear
          b: Conv1D(a, filters=6, kernel_size=3, padding=(1, 1)) -> [15, 6]  # local linear
          sum: Add(a, b) -> [15, 6]  # aggregate linear
          c: Conv1D(sum, filters=6, kernel_size=3, padding=(-6, -6)) -> [1, 6]  # local linear
          one: ismc.Shift(c, cropping=(70, 70), left=0) -> [1, 6]  # local linear
          return one
        """,
    )


def test_two_heads_on_lattices_that_meet() -> None:
    program = run_through(
        "prune_positions",
        """
        x: input [64, 4]
        trunk: Conv1D(x, 6, 3, padding=same, dilation_rate=8)
        relu: ReLU(trunk)
        wide: Conv1D(relu, 2, 3, padding=same, dilation_rate=16)
        early: Cropping1D(wide, (8, 55))
        late: Cropping1D(wide, (40, 23))
        gate: Cropping1D(relu, (12, 51))
        return early, late, gate
        """,
    )
    assert_prints(
        program,
        """
        graph model(x)
          x: input [64, 4]
          "x[0::4]": ismc.Take(x, start=0, stride=4) -> [16, 4]  # local linear
          trunk: Conv1D("x[0::4]", filters=6, kernel_size=3, padding=(2, 2), dilation_rate=2) -> [16, 6]  # local linear
          relu: ReLU(trunk) -> [16, 6]  # see-through
          "relu[8::16]": ismc.Take(relu, start=2, stride=4) -> [4, 6]  # local linear
          wide: Conv1D("relu[8::16]", filters=2, kernel_size=3, strides=2, padding=(1, 0)) -> [2, 2]  # local linear
          "wide[8::0]": ismc.Take(wide, start=0, stride=1) -> [1, 2]  # local linear
          early: ismc.Shift("wide[8::0]", cropping=(8, 55), left=0) -> [1, 2]  # local linear
          "wide[40::0]": ismc.Take(wide, start=1, stride=1) -> [1, 2]  # local linear
          late: ismc.Shift("wide[40::0]", cropping=(40, 23), left=0) -> [1, 2]  # local linear
          "relu[12::0]": ismc.Take(relu, start=3, stride=1) -> [1, 6]  # local linear
          gate: ismc.Shift("relu[12::0]", cropping=(12, 51), left=0) -> [1, 6]  # local linear
          return early, late, gate
        """,
    )


def test_all_positions_are_needed() -> None:
    program = run_through(
        "prune_positions",
        """
        x: input [60, 4]
        a: Conv1D(x, 6, 3, padding=same, dilation_rate=5)
        b: Conv1D(a, 6, 3, padding=same, dilation_rate=10)
        return b
        """,
    )
    assert_prints(
        program,
        """
        graph model(x)
          x: input [60, 4]
          a: Conv1D(x, filters=6, kernel_size=3, padding=same, dilation_rate=5) -> [60, 6]  # local linear
          b: Conv1D(a, filters=6, kernel_size=3, padding=same, dilation_rate=10) -> [60, 6]  # local linear
          return b
        """,
    )


def test_lattices() -> None:
    assert Lattice(3, 25) | Lattice(8, 10) == Lattice(3, 5)
    assert Lattice(3, 0) | Lattice(33, 0) == Lattice(3, 30)
    assert Lattice(7, 0) | Lattice(7, 0) == Lattice(7, 0)
    assert Lattice(2, 5).count(12) == 2
    assert Lattice(2, 5).count(13) == 3
    assert Lattice(50, 0).read_by(Window(5, 1, 10, 20), 100) == Lattice(0, 10)
    assert Lattice(4, 0).read_by(Window(pad=10), 100) == ALL
