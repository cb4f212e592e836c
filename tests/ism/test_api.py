"""What the arguments of `compile` do, and what a compiled program gives back."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import ismc
from tests.zoo import ZOO, random_inputs, randomise

pytestmark = pytest.mark.as_written

ROOT = Path(__file__).parents[2]


def heads(length: int = 40) -> keras.Model:
    """A trunk with a profile, a cropped profile, and counts, as a dict."""
    x = keras.Input((length, 4), name="sequence")
    y = layers.Conv1D(6, 5, padding="same", activation="relu", name="trunk")(x)
    wide = layers.Conv1D(3, 3, padding="same", name="wide")(y)
    middle = layers.Cropping1D(15, name="middle")(layers.Conv1D(3, 3, padding="same")(y))
    counts = layers.Dense(2, name="counts")(layers.GlobalAveragePooling1D()(y))
    model = keras.Model(x, {"wide": wide, "middle": middle, "counts": counts})
    return randomise(model, 0)


def same(got: tf.Tensor, want: tf.Tensor) -> None:
    scale = float(np.abs(want).max())
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * max(scale, 1.0))


def test_outputs_are_chosen_by_name_and_index_and_nested_like_the_request() -> None:
    model = heads()
    x = random_inputs(model, 2)
    every = ismc.compile(model, verify=False).saturate(x)
    assert sorted(every) == ["counts", "middle", "wide"]
    one = ismc.compile(model, outputs="middle", verify=False)
    same(one.saturate(x), every["middle"])
    two = ismc.compile(model, outputs=["wide", "counts"], verify=False).saturate(x)
    assert isinstance(two, list)
    same(two[0], every["wide"])
    same(two[1], every["counts"])
    assert one.output_names == ["middle"]


def test_work_that_no_output_needs_is_not_done() -> None:
    model = heads()
    whole = ismc.compile(model, verify=False)
    middle = ismc.compile(model, outputs="middle", verify=False)
    assert len(middle.plan.active) < len(whole.plan.active) == 40
    assert "counts" not in middle.source
    x = random_inputs(model, 1)
    y = middle.saturate(x).numpy()
    reference = np.asarray(model(x)["middle"])
    idle = sorted(set(range(40)) - set(middle.plan.active))
    assert idle[0] == 0
    assert idle[-1] == 39
    np.testing.assert_array_equal(y[:, idle], np.broadcast_to(reference, y[:, idle].shape))


@pytest.mark.parametrize(
    "score",
    [
        lambda r, m: m - r,
        lambda r, m: tf.reduce_sum(m - r, axis=list(range(1, len(m.shape))), keepdims=False),
        lambda r, m: tf.nn.softmax(m, 1) - tf.nn.softmax(r, 1),
    ],
)
def test_scores_are_computed_from_reference_and_mutant(score: object) -> None:
    model = heads()
    x = random_inputs(model, 3)
    got = ismc.compile(model, score=score, verify=False).saturate(x)
    want = ismc.NaiveISM(model, score=score).saturate(x)
    for name, value in want.items():
        assert got[name].shape == value.shape
        np.testing.assert_allclose(got[name], value, rtol=1e-3, atol=1e-5)


def test_weights_are_read_at_every_call() -> None:
    model = heads()
    x = random_inputs(model, 1)
    ism = ismc.compile(model, verify=False)
    before = ism.saturate(x)["counts"].numpy()
    randomise(model, 1)
    after = ism.saturate(x)["counts"].numpy()
    assert np.abs(after - before).max() > 1e-3
    same(after, ismc.NaiveISM(model).saturate(x)["counts"])


def test_stop_at_gives_the_same_answer_another_way() -> None:
    model = heads()
    x = random_inputs(model, 1)
    stopped = ismc.compile(model, stop_at="trunk", verify=False)
    assert "after trunk" in stopped.explain()
    for got, want in zip(
        stopped.saturate(x).values(), ismc.NaiveISM(model).saturate(x).values(), strict=True
    ):
        same(got, want)


def test_predict_is_numpy_in_batches_with_a_bar(capsys: pytest.CaptureFixture) -> None:
    model = heads()
    ism = ismc.compile(model, verify=False)
    x = random_inputs(model, 5)
    whole = ism.saturate(x)
    parts = ism.predict(x, batch_size=2, verbose=1)
    assert isinstance(parts["wide"], np.ndarray)
    same(parts["wide"], whole["wide"])
    assert "5/5" in capsys.readouterr().err
    same(ism.predict(x, replace_with=0, verbose=0)["wide"], ism(x)["wide"])
    assert capsys.readouterr().err == ""
    same(ism.reference(x)["wide"], model(x)["wide"])


def test_sites_that_are_one_hot_cost_one_letter_less() -> None:
    model = heads()
    ism = ismc.compile(model, verify=False)
    x = np.eye(4, dtype="float32")[np.random.default_rng(0).integers(0, 4, (1, 40))]
    ism.saturate(x)
    ism.saturate(x * 0.5)
    counts = sorted(key[0] for key in ism.program.programs if isinstance(key[0], int))
    assert counts == [3, 4]
    y = ism.saturate(x)["counts"].numpy()
    there = x[0].argmax(1)
    reference = np.asarray(model(x)["counts"])[0]
    same(y[0, np.arange(40), there], np.broadcast_to(reference, (40, 2)))


def test_what_was_written_is_forgotten_where_there_is_one_letter() -> None:
    x = keras.Input((20, 1), name="track")
    y = layers.Dense(1)(layers.Flatten()(layers.Conv1D(3, 3, activation="relu")(x)))
    model = randomise(keras.Model(x, y), 0)
    ism, naive = ismc.compile(model, verify=False), ismc.NaiveISM(model)
    values = np.random.default_rng(0).random((1, 20, 1), np.float32)
    for _ in range(2):
        same(ism(values), naive(values))
        same(ism.saturate(values), naive.saturate(values))


def test_a_program_serves_every_batch_size_with_few_compilations() -> None:
    entry = ZOO["basset"]
    model = entry.model(small=True)
    ism = ismc.compile(model, verify=False)
    for batch in (1, 2, 3, 5, 7, 9):
        x = random_inputs(model, batch)
        ism.saturate(x)
    assert len([key for key in ism.program.programs if isinstance(key[0], int)]) <= 4


def test_repr_says_what_it_is() -> None:
    text = repr(ismc.compile(heads(), outputs="counts", verify=False))
    assert re.fullmatch(
        r"<CompiledISM of 'functional\w*': \[40, 4\], 40 sites, outputs \['counts'\], plan \w{6}>",
        text,
    )


def test_explain_names_role_strategy_width_and_operations() -> None:
    text = ismc.compile(ZOO["basset"].build(), verify=False).explain()
    row = next(line for line in text.splitlines() if line.startswith("conv1d_1 "))
    assert re.search(r"local +difference +toom +17 of 333 +4\.8 M +440 M", row)
    assert re.search(r"operations per mutant: .*: \d\d\.\d times fewer", text)


def test_import_and_rules_from_a_users_own_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import keras, ismc\n"
        "class Scale(keras.layers.Layer):\n"
        "    def call(self, x):\n"
        "        return x * keras.ops.sigmoid(1.702 * x)\n"
        "@ismc.rule(Scale)\n"
        "def scale(layer):\n"
        "    return ismc.Rule(ismc.Role.SEE_THROUGH)\n"
        "x = keras.Input((20, 4))\n"
        "y = keras.layers.GlobalAveragePooling1D()(Scale()(keras.layers.Conv1D(3, 3)(x)))\n"
        "print(ismc.compile(keras.Model(x, y)).explain())\n"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, str(tmp_path / "mine.py")], capture_output=True, text=True, cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"scale +Scale +see-through +slab", done.stdout)


def test_readme_commands_are_the_ones_that_ci_runs() -> None:
    readme = (ROOT / "README.md").read_text()
    commands = re.findall(r"^python3 -m venv [.]venv .*$", readme, re.M)
    assert len(commands) == 2
    assert commands[0].endswith(".venv/bin/ismc demo -o demo-out")
    assert commands[1].endswith(".venv/bin/pytest")
    assert "grep -m1 'pytest$' README.md" in (ROOT / ".ci" / "run").read_text()
