"""Measures the rates of this machine, for the cost model, and caches them.

Each rate comes from a small XLA program that repeats one kind of work in a loop, as tiles do;
outside of a loop, allocating the result takes as long as a small product. The shapes are those of
the architectures in `docs/benchmarks.md`. The fastest of several runs counts, since disturbances
only make a run longer.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import exp, log
from pathlib import Path
from typing import Any, Literal

import tensorflow as tf

from ismc._version import __version__
from ismc.artifacts.cache import measurements as cache
from ismc.execution.threads import cores
from ismc.frontend.request import choose_target
from ismc.plan.target import Target

PRODUCTS = ((1024, 512, 1024), (512, 300, 2200), (4096, 64, 192))
STREAM_ELEMENTS = 32 << 20
FOOTPRINTS = tuple(1 << n for n in range(20, 27))
REPEATS = 8
RATES = ("gemm", "convolution", "full", "elements", "bytes", "cache")  # of a `Target`
SECONDS_PER_RATE = 0.06

Clock = Callable[[], float]


def calibrate(cached: bool = True) -> Target:
    """This machine with its rates, from the cache or measured in 1 to 3 s.

    Args:
        cached: whether to use cached rates; measured rates are cached in any case.
    """
    key = machine()
    rates = cache.recall("rates", key) if cached else None
    if rates is None or not _plausible(rates):
        rates = measure_rates()
        cache.remember("rates", key, rates)
    return replace(choose_target(), name="this machine, measured", **rates)


def _plausible(rates: Mapping[str, Any]) -> bool:
    numbers = (isinstance(v, float) and 0 < v < 1e18 for v in rates.values())
    return rates.keys() == set(RATES) and all(numbers)


def machine() -> dict[str, Any]:
    """The hardware and versions that timings depend on, for the keys of caches."""
    devices = [
        tf.config.experimental.get_device_details(device).get("device_name", device.device_type)
        for device in tf.config.list_physical_devices()
        if device.device_type != "CPU"
    ]
    return {
        "processor": _processor(),
        "cores": cores(),
        "devices": devices,
        "tensorflow": tf.__version__,
        "ismc": __version__,
    }


def measure_rates(clock: Clock = time.perf_counter) -> dict[str, float]:
    """Measures the rates of this machine, by the names of `RATES`."""

    def rate(amount: float, call: Callable[..., Any], *shapes: Sequence[int]) -> float:
        """The rate of a compiled function on normal random arrays, in amounts per second."""
        program = tf.function(call, jit_compile=True, autograph=False)
        args = [tf.random.normal(shape) for shape in shapes]
        return amount / shortest_time(lambda: wait(program(*args)), clock, SECONDS_PER_RATE)

    multiply = _repeat(tf.matmul)
    gemm_rates = [rate(REPEATS * 2 * m * k * n, multiply, (m, k), (k, n)) for m, k, n in PRODUCTS]
    short, wide = REPEATS * 2 * 24 * 17 * 11 * 300 * 200, REPEATS * 2 * 4 * 500 * 9 * 128 * 128
    traffic = [2 * size * _passes(size) for size in FOOTPRINTS]
    speeds = [
        rate(amount, _pass_over(size), (size // 4,))
        for amount, size in zip(traffic, FOOTPRINTS, strict=True)
    ]
    memory_rate = rate(8 * STREAM_ELEMENTS, lambda x: x * 0.5, (STREAM_ELEMENTS,))
    return {
        "gemm": exp(sum(map(log, gemm_rates)) / len(gemm_rates)),
        "convolution": rate(short, _convolution("VALID"), (24, 27, 300), (11, 300, 200)),
        "full": rate(wide, _convolution("SAME"), (4, 500, 128), (9, 128, 128)),
        "elements": rate(REPEATS * 96 * 32 * 128, _slabs, (1000, 128), (96, 32, 128)),
        "bytes": memory_rate,
        "cache": _cache_size(speeds, memory_rate) / cores(),
    }


def shortest_time(
    call: Callable[[], Any], clock: Clock, seconds: float = 0.2, rounds: int = 10
) -> float:
    """The time of the fastest run, of two or more in about ``seconds``; a first run compiles."""
    call()
    runs: list[float] = []
    while len(runs) < 2 or (len(runs) < rounds and sum(runs) < seconds):
        begin = clock()
        call()
        runs.append(clock() - begin)
    return min(runs)


def wait(nest: Any) -> None:
    """Waits until the results are computed, on any device."""
    for value in tf.nest.flatten(nest):
        tf.reshape(value, [-1])[:1].numpy()


def _repeat(product: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]) -> Callable[..., tf.Tensor]:
    """A product, repeated; each reads a number of the previous one, so that XLA drops none."""

    def repeated(x: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        def body(i: tf.Tensor, last: tf.Tensor) -> tuple:
            return i + 1, tf.reshape(product(x + last * 1e-9, w), [-1])[0]

        return tf.while_loop(lambda i, _: i < REPEATS, body, (0, tf.constant(0.0)))[1]

    return repeated


def _convolution(padding: Literal["VALID", "SAME"]) -> Callable[..., tf.Tensor]:
    return _repeat(lambda x, w: tf.nn.conv1d(x, w, 1, padding))


def _slabs(r: tf.Tensor, d: tf.Tensor) -> tf.Tensor:
    """Slabs ``relu(windows(r) + d)``, repeated."""
    starts = tf.range(d.shape[0])[:, None] + tf.range(d.shape[1])

    def body(i: tf.Tensor, v: tf.Tensor) -> tuple:
        return i + 1, tf.nn.relu(tf.gather(r, starts + i) + v)

    return tf.while_loop(lambda i, _: i < REPEATS, body, (0, d))[1]


def _passes(size: int) -> int:
    """How often an array is read and written: 128 MiB in total, at least twice."""
    return max(2, (1 << 27) // size)


def _pass_over(size: int) -> Callable[[tf.Tensor], tf.Tensor]:
    def passing(x: tf.Tensor) -> tf.Tensor:
        body = lambda i, v: (i + 1, v * 0.999 + 0.5)  # noqa: E731
        return tf.while_loop(lambda i, _: i < _passes(size), body, (0, x))[1][:8]

    return passing


def _cache_size(speeds: Sequence[float], memory_rate: float) -> int:
    """The size of the largest array that is clearly faster to pass over than main memory."""
    middle = (max(speeds) * memory_rate) ** 0.5
    fast = [size for size, speed in zip(FOOTPRINTS, speeds, strict=True) if speed > middle]
    return max(fast, default=FOOTPRINTS[0])


def _processor() -> str:
    """The processor's name, if the system reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
