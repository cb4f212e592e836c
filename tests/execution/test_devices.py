"""Sequences spread over several local devices: here a processor that is split in two."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import ismc
from ismc.errors import InputError
from ismc.execution.tiling import batches
from tests.zoo import ZOO

SPLIT = """
import numpy as np, tensorflow as tf
cpu, = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import ismc
from tests.zoo import ZOO, random_inputs
model = ZOO["basset"].model(small=True)
x = random_inputs(model, 5, seed=2)
one = ismc.compile(model, verify=False)
two = ismc.compile(model, verify=False, devices=["CPU:0", "CPU:1"])
assert two.program.devices == ("/device:CPU:0", "/device:CPU:1")
used, call = set(), two.program._call
def seen(inputs, letters, batch, device, sites):
    y = call(inputs, letters, batch, device)
    used.add((device[-1], y[0].device[-1]))
    return y
two.program._call = seen
a, b = one.saturate(x).numpy(), two.saturate(x).numpy()
assert used == {("0", "0"), ("1", "1")}, used
np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
model.weights[0].assign(model.weights[0] * 1.5)
c, d = one.saturate(x).numpy(), two.saturate(x).numpy()
assert not np.array_equal(a, c)
np.testing.assert_allclose(c, d, rtol=1e-5, atol=1e-6)
np.testing.assert_allclose(one(x).numpy(), two(x).numpy(), rtol=1e-5, atol=1e-6)
print("right on both")
"""


def test_sequences_are_spread_and_answers_are_the_same() -> None:
    run = subprocess.run(  # noqa: S603  (our own code)
        [sys.executable, "-c", SPLIT],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert "right on both" in run.stdout, run.stderr[-2000:]


def test_no_device_is_left_without_sequences() -> None:
    plan = ismc.compile(ZOO["basset"].model(small=True), verify=False).plan
    for devices in (1, 2, 3):
        calls = list(batches(plan, 7, plan.letters, devices))
        assert len(calls) >= devices
        assert sum(size for _, size, _ in calls) == 7
        assert all(size <= batch for _, size, batch in calls)


def test_one_device_is_the_default() -> None:
    assert ismc.compile(ZOO["basset"].model(small=True), verify=False).program.devices == ()


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"no device 'GPU:7'; this machine has CPU:0"):
        ismc.compile(ZOO["basset"].model(small=True), devices=["GPU:7"])
