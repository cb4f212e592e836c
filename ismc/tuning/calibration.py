"""The rates of this machine, measured in seconds, and remembered.

Each rate is that of a small XLA program of the kind that the cost model counts, repeated in a loop
as tiles are: outside of one, fresh memory for the answer takes as long as a small product. Shapes
are those of the architectures in `docs/benchmarks.md`. The best of several runs counts, for what
disturbs a measurement only makes it longer.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from math import exp, log
from pathlib import Path
from typing import Any, Literal

import tensorflow as tf

from ismc._version import __version__
from ismc.artifacts.cache import measurements as cache
from ismc.execution.threads import cores
from ismc.plan.cost import Rates

PRODUCTS = ((1024, 512, 1024), (512, 300, 2200), (4096, 64, 192))
LARGE = 32 << 20
FOOTPRINTS = tuple(1 << n for n in range(20, 27))
TIMES = 8
SECONDS = 0.06

Clock = Callable[[], float]


def calibrate(cached: bool = True) -> Rates:
    """The rates of this machine, remembered from an earlier time or measured now in 1 to 3 s.

    Args:
        cached: whether rates that are remembered will do; what is measured is remembered anyway.
    """
    key = machine()
    if cached:
        try:
            found = Rates(**(cache.recall("rates", key) or {"": 0.0}))
            if all(isinstance(v, float) and 0 < v < 1e18 for v in asdict(found).values()):
                return found
        except TypeError:
            pass
    found = measured()
    cache.remember("rates", key, asdict(found))
    return found


def machine() -> dict[str, Any]:
    """What the time of a program depends on beside itself."""
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


def measured(clock: Clock = time.perf_counter) -> Rates:
    """The rates, measured now."""

    def rate(amount: float, call: Callable[..., Any], *shapes: Sequence[int]) -> float:
        """Amounts per second of a compiled function of normal numbers."""
        program = tf.function(call, jit_compile=True, autograph=False)
        args = [tf.random.normal(shape) for shape in shapes]
        return amount / least(lambda: finished(program(*args)), clock, SECONDS)

    multiply = _repeated(tf.matmul)
    products = [rate(TIMES * 2 * m * k * n, multiply, (m, k), (k, n)) for m, k, n in PRODUCTS]
    short, wide = TIMES * 2 * 24 * 17 * 11 * 300 * 200, TIMES * 2 * 4 * 500 * 9 * 128 * 128
    traffic = [2 * size * _passes(size) for size in FOOTPRINTS]
    speeds = [
        rate(amount, _passing(size), (size // 4,))
        for amount, size in zip(traffic, FOOTPRINTS, strict=True)
    ]
    beyond = rate(8 * LARGE, lambda x: x * 0.5, (LARGE,))
    return Rates(
        gemm=exp(sum(map(log, products)) / len(products)),
        convolution=rate(short, _convolved("VALID"), (24, 27, 300), (11, 300, 200)),
        full=rate(wide, _convolved("SAME"), (4, 500, 128), (9, 128, 128)),
        elements=rate(TIMES * 96 * 32 * 128, _looked_up, (1000, 128), (96, 32, 128)),
        bytes=beyond,
        cache=_knee(speeds, beyond) / cores(),
    )


def least(call: Callable[[], Any], clock: Clock, seconds: float = 0.2, rounds: int = 10) -> float:
    """The shortest of several runs after one that compiles: at least two, for about ``seconds``."""
    call()
    runs: list[float] = []
    while len(runs) < 2 or (len(runs) < rounds and sum(runs) < seconds):
        begin = clock()
        call()
        runs.append(clock() - begin)
    return min(runs)


def finished(nest: Any) -> None:
    """Waits for answers, wherever they are computed."""
    for value in tf.nest.flatten(nest):
        tf.reshape(value, [-1])[:1].numpy()


def _repeated(product: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]) -> Callable[..., tf.Tensor]:
    """A product, several times; each reads one number of the one before, so all are done."""

    def repeated(x: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        def body(i: tf.Tensor, last: tf.Tensor) -> tuple:
            return i + 1, tf.reshape(product(x + last * 1e-9, w), [-1])[0]

        return tf.while_loop(lambda i, _: i < TIMES, body, (0, tf.constant(0.0)))[1]

    return repeated


def _convolved(padding: Literal["VALID", "SAME"]) -> Callable[..., tf.Tensor]:
    return _repeated(lambda x, w: tf.nn.conv1d(x, w, 1, padding))


def _looked_up(r: tf.Tensor, d: tf.Tensor) -> tf.Tensor:
    """Slabs ``relu(windows(r) + d)``, several times."""
    starts = tf.range(d.shape[0])[:, None] + tf.range(d.shape[1])

    def body(i: tf.Tensor, v: tf.Tensor) -> tuple:
        return i + 1, tf.nn.relu(tf.gather(r, starts + i) + v)

    return tf.while_loop(lambda i, _: i < TIMES, body, (0, d))[1]


def _passes(size: int) -> int:
    """How often an array is read and written: 128 MiB of each in all, at least twice."""
    return max(2, (1 << 27) // size)


def _passing(size: int) -> Callable[[tf.Tensor], tf.Tensor]:
    def passing(x: tf.Tensor) -> tf.Tensor:
        body = lambda i, v: (i + 1, v * 0.999 + 0.5)  # noqa: E731
        return tf.while_loop(lambda i, _: i < _passes(size), body, (0, x))[1][:8]

    return passing


def _knee(speeds: Sequence[float], beyond: float) -> int:
    """The largest array that is clearly faster to pass over than what is beyond the cache."""
    middle = (max(speeds) * beyond) ** 0.5
    fast = [size for size, speed in zip(FOOTPRINTS, speeds, strict=True) if speed > middle]
    return max(fast, default=FOOTPRINTS[0])


def _processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
