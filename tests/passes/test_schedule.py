"""The steps of a plan: what is looked up, masked, placed and returned, with its shapes.

Requests name the strategies, so that prices do not change the text.
"""

from __future__ import annotations

from textwrap import dedent

from ismc.codegen.view import view
from ismc.passes import Program
from tests.support.passes import run_through


def steps_of(program: Program) -> str:
    """The statements of the reference and of a tile, as the program has them."""
    assert program.plan is not None
    shown = view(program.plan)
    parts = {"reference": shown.reference, "tile": shown.tile, "epilogue": shown.epilogue}
    lines = []
    for title, statements in parts.items():
        lines += [f"{title}:"] if statements else []
        lines += [f"  {line.strip()}" for s in statements for line in s.lines if line.strip()]
    return "\n".join(lines)


def check_steps(program: Program, expected: str) -> None:
    assert f"\n{steps_of(program)}\n" == dedent(expected)


def test_a_residual_block_with_a_pool_and_two_heads() -> None:
    program = run_through(
        "schedule",
        """
        x: input [60, 4]
        conv: Conv1D(x, 8, 5, padding=same)
        relu: Activation(conv, activation=relu)
        wide: Conv1D(relu, 8, 3, padding=same, dilation_rate=4)
        sum: Add(relu, wide)
        pool: MaxPooling1D(sum, 3, strides=2)
        last: Conv1D(pool, 2, 3)
        mean: GlobalAveragePooling1D(pool)
        return last, mean
        """,
        sites=((0, 1), (30, 34), (58, 60)),
        cut="",
        strategies=(("conv", "gemm"), ("wide", "gemm"), ("last", "gemm")),
    )
    check_steps(
        program,
        """
        reference:
          r1 = conv1d(x, w["conv"], padding="same")  # [B, 60, 8]
          r2 = relu(r1)  # [B, 60, 8]
          r3 = conv1d(r2, w["wide"], padding="same", dilation=4)  # [B, 60, 8]
          r4 = r2 + r3  # [B, 60, 8]
          r5 = max_pool1d(r4, 3, 2, "valid")  # [B, 29, 8]
          r6 = conv1d(r5, w["last"])  # [B, 27, 2]
          r7 = global_average(r5, keepdims=False)  # [B, 8]
          k1 = gemm_kernel(w["conv"])  # [4, 5, 8]
          k3 = gemm_kernel(w["wide"])  # [8, 3, 8]
          k6 = gemm_kernel(w["last"])  # [8, 3, 2]
        tile:
          d0 = substitution(x, rotation, block, at["v0"][t], at["width_shift"][t])  # [N, 4, 4]
          d0a = mask_outside(d0, at["v0"][t], 60)  # [N, 4, 4]
          # segment 0: conv | relu
          d1 = conv1d_gemm(d0a, k1)  # [N, 8, 8]
          w1 = gather_windows(r1, at["v1"][t], 8, step)  # [N, 8, 8]
          s1 = w1 + d1  # [N, 8, 8]
          s2 = relu(s1)  # [N, 8, 8]
          d2 = s2 - relu(w1)  # [N, 8, 8]
          d2a = mask_outside(d2, at["v1"][t], 60)  # [N, 8, 8]
          # segment 1: wide > sum | pool
          d3 = conv1d_gemm(d2a, k3, dilation=4)  # [N, 16, 8]
          d4 = place(d2a, 4, 16)  # [N, 16, 8]
          d4a = d4 + d3  # [N, 16, 8]
          s4 = gather_windows(r4, at["v4"][t], 19, step) + place(d4a, 2, 19)  # [N, 19, 8]
          s5 = max_pool1d(s4, 3, 2, one_tile=one_tile)  # [N, 9, 8]
          d5 = s5 - gather_windows(r5, at["v5"][t], 9, step)  # [N, 9, 8]
          d5a = mask_outside(d5, at["v5"][t], 29)  # [N, 9, 8]
          # segment 2: last
          d6 = conv1d_gemm(d5a, k6)  # [N, 11, 2]
          f7 = mean_stop(r7, d5a, length=29, keepdims=False)  # [N, 8]
          f6 = to_full_length(r6, d6, at["v6"][t])  # [N, 27, 2]
        """,
    )
    plan = program.plan
    assert plan is not None
    assert plan.offsets["v0"] == (0, 30, 58)
    assert plan.offsets["width_shift"] == (1, 4, 2)
    assert plan.offsets["v4"] == (-8, 22, 50)
    assert (plan.results, plan.references) == (("f6", "f7"), ("r6", "r7"))


def test_a_dense_after_flatten_reads_a_band_and_the_context_is_in_full() -> None:
    program = run_through(
        "schedule",
        """
        x: input [60, 4]
        side: input [3]
        conv: Conv1D(x, 8, 9)
        relu: Activation(conv, activation=relu)
        flat: Flatten(relu)
        dense: Dense(flat, 5)
        both: Concatenate(dense, side)
        out: Dense(both, 2)
        return out
        """,
        sites=((25, 26), (27, 28)),
        cut="",
        strategies=(("conv", "gemm"),),
    )
    check_steps(
        program,
        """
        reference:
          r1 = context["side"]  # [B, 3]
          r2 = conv1d(x, w["conv"])  # [B, 52, 8]
          r3 = relu(r2)  # [B, 52, 8]
          r4 = reshape(r3, [])  # [B, 416]
          r5 = dense(r4, w["dense"])  # [B, 5]
          r6 = concatenate(r5, r1, axis=1)  # [B, 8]
          r7 = dense(r6, w["out"])  # [B, 2]
          k2 = gemm_kernel(w["conv"])  # [4, 9, 8]
        tile:
          d0 = substitution(x, rotation, block, at["v0"][t], at["width_shift"][t])  # [N, 1, 4]
          # segment 0: conv | relu
          d2 = conv1d_gemm(d0, k2)  # [N, 9, 8]
          w2 = gather_windows(r2, at["v2"][t], 9, step)  # [N, 9, 8]
          s2 = w2 + d2  # [N, 9, 8]
          s3 = relu(s2)  # [N, 9, 8]
          d3 = s3 - relu(w2)  # [N, 9, 8]
          # segment 1: flat
          d4 = reshape(d3, [])  # [N, 72]
          # [N, 5]
          f5 = dense_stop(
          r5,
          d4,
          at["v4"][t],
          at["rows5"][t],
          w["dense"],
          band=sizes["rows5"],
          grain=sizes["rows5_grain"],
          )
          f1 = per_mutant(r1, n)  # [N, 3]
          f6 = concatenate(f5, f1, axis=1)  # [N, 8]
          f7 = dense(f6, w["out"])  # [N, 2]
        """,
    )
    assert program.plan is not None
    (band,) = program.plan.bands
    assert (band.starts, band.width, band.length) == ((136, 152), 72, 416)


def test_what_a_stop_reads_is_in_full_and_sites_that_reach_no_output_are_left_out() -> None:
    program = run_through(
        "schedule",
        """
        x: input [60, 4]
        conv: Conv1D(x, 8, 3)
        crop: Cropping1D(conv, (10, 40))
        mine: my.Layer(crop) -> [3]
        return mine
        """,
        sites=((15, 16), (2, 4), (9, 12), (40, 41)),
        cut="",
        strategies=(("conv", "gemm"),),
    )
    check_steps(
        program,
        """
        reference:
          r1 = conv1d(x, w["conv"])  # [B, 58, 8]
          r2 = crop(r1, 10, 40)  # [B, 8, 8]
          r3 = layer["mine"]([r2], {})  # [B, 3]
          k1 = gemm_kernel(w["conv"])  # [4, 3, 8]
        tile:
          d0 = substitution(x, rotation, block, at["v0"][t], at["width_shift"][t])  # [N, 3, 4]
          # segment 0: conv > crop
          d1 = conv1d_gemm(d0, k1)  # [N, 5, 8]
          f2 = to_full_length(r2, d1, at["v2"][t])  # [N, 8, 8]
          f3 = layer["mine"]([f2], {})  # [N, 3]
        """,
    )
    assert program.plan is not None
    assert program.plan.active == (2, 0)
