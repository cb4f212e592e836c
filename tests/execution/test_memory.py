"""Peak memory of a saturation: the budget, the references and the answer, whatever the batch."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

MEASURE = """
import json, sys
import keras, numpy as np
from keras import layers
import ismc

budget, length, channels, sites, batch = json.loads(sys.argv[1])
x = keras.Input((length, 4))
y = x
for i in range(4):
    y = layers.Conv1D(channels, 9, dilation_rate=2**i, padding="same", activation="relu")(y)
y = layers.Dense(3)(layers.GlobalAveragePooling1D()(y))
model = keras.Model(x, y)
places = np.linspace(0, length - 1, sites).astype(int)
ism = ismc.compile(model, sites=places, memory=budget, verify=False)
data = np.eye(4, dtype="float32")[np.random.default_rng(0).integers(0, 4, (batch, length))]
ism.predict(data[:1])

def field(name):
    for line in open("/proc/self/status"):
        if line.startswith(name):
            return int(line.split()[1]) * 1024

open("/proc/self/clear_refs", "w").write("5")
before = field("VmRSS")
ism.predict(data)
print(json.dumps([field("VmHWM") - before, ism.plan.mutants]))
"""


def printed(script: str, *arguments: str) -> str:
    """The last line that a script prints in a process of its own."""
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()[-1]


def peak(*case: int) -> tuple[int, int]:
    """Bytes that a saturation adds at its peak, and the mutants of a tile."""
    added, mutants = json.loads(printed(MEASURE, json.dumps(case)))
    return added, mutants


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak from /proc")
def test_peak_memory_is_bounded_by_the_budget(pytestconfig: pytest.Config) -> None:
    """Of the answer and the batch; of many sites too with ``--slow``."""
    length, channels = 40_000, 32
    reference = 8 * 4 * length * channels
    slack = 24 << 20
    found = {}
    cases = [(32 << 20, 400, 6), (32 << 20, 400, 1), (32 << 20, 3000, 1)]
    for budget, sites, batch in cases if pytestconfig.getoption("--slow") else cases[:1]:
        added, mutants = peak(budget, length, channels, sites, batch)
        found[budget, sites, batch] = added
        inputs = 4 * 4 * length * batch
        assert added <= budget + reference + inputs + slack, (found, mutants)
    tight, mutants = peak(1 << 20, length, channels, 400, 1)
    assert tight <= (1 << 20) + reference + 16 * length + slack
    assert mutants < 40


LOWERED = """
import gc
from functools import partial
import keras, tensorflow as tf
from ismc.execution.lowering import lower
from ismc.execution.module import Spec

def chain(count, x):
    for i in range(count):
        x = tf.nn.relu(x + float(i))
    return [x]

def deep(depth):
    if depth:
        return deep(depth - 1)
    return lower(lambda x: tf.function(partial(chain, 100))(x), [Spec((8, 8), "float32")])

def resident():
    gc.collect()
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024

deep(100)
before = resident()
for _ in range(4):
    deep(100)
print((resident() - before) / 4)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads memory from /proc")
def test_a_function_that_was_lowered_leaves_no_stack_traces() -> None:
    """Of 200 operations made 100 calls deep, TensorFlow would keep 8 MB each time."""
    assert float(printed(LOWERED)) < 5
