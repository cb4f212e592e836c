"""Artifacts: the same bits as the program they were saved from, or a clear error."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import save_file

import ismc
from ismc.artifacts.container import read_container, write_container
from tests.support.comparing import some_slow
from tests.support.corrupting import corrupted
from tests.support.models import conv_pool_dense
from tests.zoo import ZOO, random_inputs, randomise

WRITES = tuple(map(int, tf.__version__.split(".")[:2])) >= (2, 18)
pytestmark = pytest.mark.skipif(not WRITES, reason="this TensorFlow writes no StableHLO")

SLOW = ("alternate_ranges", "bpnet", "danq", "sequence_and_features", "two_sequences")
MODELS = ("basset", "bpnet", "danq", "two_sequences", "sequence_and_features", "alternate_ranges")


def small_net(filters: int = 6, length: int = 30, name: str = "net") -> keras.Model:
    heads = {"a": 2, "b": 1}
    return conv_pool_dense(length, {"conv": filters}, heads, sequence="dna", name=name)


def one_hot(count: int, length: int = 30, seed: int = 0) -> np.ndarray:
    letters = np.random.default_rng(seed).integers(0, 4, (count, length))
    return np.eye(4, dtype=np.float32)[letters]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    ism = ismc.compile(small_net())
    path = tmp_path_factory.mktemp("saved") / "net.ismc"
    ism.save(path)
    return ism, path


def bits(found: Any, expected: Any) -> None:
    keras.tree.assert_same_structure(found, expected)
    for a, b in zip(keras.tree.flatten(found), keras.tree.flatten(expected), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


@pytest.mark.parametrize("name", some_slow(MODELS, SLOW))
def test_a_loaded_artifact_gives_the_same_bits(name: str, tmp_path: Path) -> None:
    entry = ZOO[name]
    model = entry.model(small=True)
    length = model.inputs[entry.sequence_input].shape[1]
    sites = None if entry.sites is None else entry.sites(length)
    ism = ismc.compile(model, sites=sites, sequence_input=entry.sequence_input)
    ism.save(tmp_path / "m.ismc")
    loaded = ismc.load(tmp_path / "m.ismc", cache=False)
    x = random_inputs(model, 3)
    bits(loaded.saturate(x), ism.saturate(x))
    bits(loaded(x), ism(x))
    bits(loaded.reference(x), ism.reference(x))
    bits(loaded.predict(x, verbose=0), ism.predict(x, verbose=0))
    assert loaded.explain() == ism.explain()
    assert loaded.sites == ism.sites
    assert loaded.output_names == ism.output_names


def test_letters_that_are_not_one_hot_and_blocks(saved: tuple[Any, Path]) -> None:
    ism, path = saved
    loaded, x = ismc.load(path, cache=False), one_hot(2)
    bits(loaded.saturate(x * 0.5), ism.saturate(x * 0.5))
    bits(loaded(x, replace_with=[0, 0, 1, 0]), ism(x, replace_with=[0, 0, 1, 0]))
    x[0, 3] = np.nan
    bits(loaded.saturate(x), ism.saturate(x))
    assert np.isnan(np.asarray(loaded.saturate(x)["a"])[0]).any()
    assert loaded.saturate(x[:0])["a"].shape == (0, 30, 4, 2)


def test_a_score_and_some_outputs_and_sites_are_kept(tmp_path: Path) -> None:
    ism = ismc.compile(small_net(), score="difference", outputs="a", sites=[(3, 6), (10, 11)])
    ism.save(tmp_path / "m.ismc")
    loaded, x = ismc.load(tmp_path / "m.ismc", cache=False), one_hot(2)
    bits(loaded.saturate(x), ism.saturate(x))
    bits(loaded.reference(x), ism.reference(x))
    assert np.asarray(loaded.saturate(x)).shape == (2, 2, 4, 2)
    assert loaded.record.score == "difference"
    x[1, 4, 0] = np.inf
    bits(loaded.saturate(x), ism.saturate(x))


def test_rounded_products_are_kept(tmp_path: Path) -> None:
    ism = ismc.compile(small_net(), precision="bfloat16")
    ism.save(tmp_path / "m.ismc")
    loaded = ismc.load(tmp_path / "m.ismc", cache=False)
    bits(loaded.saturate(one_hot(1)), ism.saturate(one_hot(1)))
    assert loaded.program.measured.error == ism.program.measured.error


def test_weights_are_those_of_the_moment(tmp_path: Path) -> None:
    model = small_net()
    ism = ismc.compile(model)
    ism.save(tmp_path / "before.ismc")
    before = ism.saturate(one_hot(1))
    randomise(model, 7)
    loaded = ismc.load(tmp_path / "before.ismc", cache=False)
    bits(loaded.saturate(one_hot(1)), before)
    assert not np.array_equal(ism.saturate(one_hot(1))["a"], before["a"])


@pytest.mark.parametrize("kind", ["model", "artifact", "safetensors", "keras", "mapping"])
def test_weights_are_swapped(kind: str, saved: tuple[Any, Path], tmp_path: Path) -> None:
    _, path = saved
    other = randomise(small_net(), 5)
    compiled = ismc.compile(other)
    arrays = {f"{o}/{n}": np.asarray(v) for o, n, v in compiled.program.variables}
    sources: dict[str, Callable[[], Any]] = {
        "model": lambda: other,
        "artifact": lambda: compiled.save(tmp_path / "o.ismc") or tmp_path / "o.ismc",
        "safetensors": lambda: (
            save_file(arrays, tmp_path / "o.safetensors") or tmp_path / "o.safetensors"
        ),
        "keras": lambda: other.save(tmp_path / "o.keras") or str(tmp_path / "o.keras"),
        "mapping": lambda: arrays,
    }
    loaded = ismc.load(path, weights=sources[kind](), cache=False)
    bits(loaded.saturate(one_hot(2)), compiled.saturate(one_hot(2)))
    bits(loaded.reference(one_hot(2)), compiled.reference(one_hot(2)))


def test_names_that_keras_counts_up_are_the_same_weights(tmp_path: Path) -> None:
    def build(seed: int) -> keras.Model:
        layers = [keras.Input((30, 4)), keras.layers.Conv1D(3, 3), keras.layers.Flatten()]
        return randomise(keras.Sequential([*layers, keras.layers.Dense(2)]), seed)

    first, second = build(0), build(1)
    assert first.layers[0].name != second.layers[0].name
    ismc.compile(first).save(tmp_path / "m.ismc")
    loaded = ismc.load(tmp_path / "m.ismc", weights=second, cache=False)
    bits(loaded.saturate(one_hot(1)), ismc.compile(second).saturate(one_hot(1)))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (lambda _: small_net(filters=7), r"'conv/kernel' has the shape \[5, 4, 7\], expected \["),
        (lambda _: small_net(length=40), r"'a/kernel' has the shape \[108, 2\], expected \[78, 2"),
        (lambda _: {"conv/kernel": np.zeros(3)}, "'conv/bias' is missing"),
        (lambda p: p / "nothing.keras", "There is no file"),
        (
            lambda p: (p / "bad.safetensors").write_text("x") and p / "bad.safetensors",
            "is not a safetensors file",
        ),
    ],
)
def test_weights_that_do_not_fit(
    source: Callable[[Path], Any], said: str, saved: tuple[Any, Path], tmp_path: Path
) -> None:
    with pytest.raises(ismc.ArtifactError, match=said):
        ismc.load(saved[1], weights=source(tmp_path), cache=False)


def test_sequences_of_another_length(saved: tuple[Any, Path]) -> None:
    loaded = ismc.load(saved[1], cache=False)
    with pytest.raises(ismc.ArtifactError, match=r"for sequences of length 30, found 40"):
        loaded.saturate(one_hot(1, 40))
    with pytest.raises(ismc.InputError, match=r"has the shape \[1, 30, 3\], expected \[B, 30, 4\]"):
        loaded(one_hot(1)[:, :, :3])


def test_a_thousand_corruptions_are_all_detected(saved: tuple[Any, Path], tmp_path: Path) -> None:
    whole, path = saved[1].read_bytes(), tmp_path / "bad.ismc"
    for seed in range(1000):
        path.write_bytes(corrupted(whole, seed))
        with pytest.raises(ismc.ArtifactError):
            ismc.load(path, cache=False)


def test_an_answer_that_differs_is_refused(saved: tuple[Any, Path], tmp_path: Path) -> None:
    found = read_container(saved[1])
    off = found.arrays["check.saturate.0"] + np.float32(0.01)
    write_container(
        tmp_path / "off.ismc", replace(found, arrays={**found.arrays, "check.saturate.0": off})
    )
    with pytest.raises(ismc.ArtifactError, match=r"is wrong on tensorflow .*'saturate-3-turned-1'"):
        ismc.load(tmp_path / "off.ismc", cache=False)


def test_programs_are_checked_when_first_used(saved: tuple[Any, Path], tmp_path: Path) -> None:
    found = read_container(saved[1])
    for key, call in {
        "check.write.0": lambda ism: ism(one_hot(1)),
        "check.model.0": lambda ism: ism.reference(one_hot(1)),
    }.items():
        off = found.arrays[key] + np.float32(0.01)
        write_container(tmp_path / "off.ismc", replace(found, arrays={**found.arrays, key: off}))
        ism = ismc.load(tmp_path / "off.ismc", cache=False)
        for _ in range(2):
            with pytest.raises(ismc.ArtifactError, match="is wrong on"):
                call(ism)
        ism.saturate(one_hot(1))


@pytest.mark.parametrize("missing", ["plan", "programs", "shapes", "kind", "checked"])
def test_a_whole_file_that_is_no_artifact(
    missing: str, saved: tuple[Any, Path], tmp_path: Path
) -> None:
    found = read_container(saved[1])
    left = {key: value for key, value in found.manifest.items() if key != missing}
    write_container(tmp_path / "x.ismc", replace(found, manifest=left))
    with pytest.raises(ismc.ArtifactError, match="is intact, but not an artifact"):
        ismc.load(tmp_path / "x.ismc", cache=False)


def test_where_an_artifact_cannot_be_written(saved: tuple[Any, Path], tmp_path: Path) -> None:
    ism, _ = saved
    with pytest.raises(ismc.ArtifactError, match="does not exist"):
        ism.save(tmp_path / "nowhere" / "m.ismc")
    with pytest.raises(ismc.ArtifactError, match="is a folder"):
        ism.save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_unknown_runtime(saved: tuple[Any, Path]) -> None:
    with pytest.raises(ismc.ArtifactError, match="expected one of tensorflow, jax"):
        ismc.load(saved[1], runtime="torch")


@pytest.mark.parametrize("runtime", ["tensorflow", "jax"])
def test_runtimes_need_nothing_else(runtime: str, saved: tuple[Any, Path], tmp_path: Path) -> None:
    pytest.importorskip(runtime)
    ism, path = saved
    x = one_hot(3)
    x[2] *= 0.5
    expected = [*ism.saturate(x).values(), *ism(x).values(), *ism.reference(x).values()]
    np.savez(tmp_path / "expected.npz", *map(np.asarray, expected), x=x)
    code = f"""
import sys
absent = {{"tensorflow", "jax", "keras", "networkx", "tf_keras"}} - {{{runtime!r}}}
sys.modules.update(dict.fromkeys(absent))
import numpy as np, ismc
found = np.load({str(tmp_path / "expected.npz")!r})
x = found["x"]
ism = ismc.load({str(path)!r}, runtime={runtime!r}, cache={str(tmp_path / "cache")!r})
got = [*ism.saturate(x).values(), *ism(x).values(), *ism.reference(x).values()]
for i, y in enumerate(got):
    want = found[f"arr_{{i}}"]
    assert y.shape == want.shape, (y.shape, want.shape)
    error = np.abs(np.asarray(y) - want).max() / np.abs(want).max()
    assert error < 1e-5, error
x[0, 0] = np.nan
assert np.isfinite(np.asarray(ism.saturate(x)["a"])[1:]).all()
print("right", type(got[0]).__module__)
assert not any(sys.modules.get(name) for name in absent)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)  # noqa: S603
    assert f"right {runtime}" in done.stdout, done.stderr


def test_pools_are_emitted_in_a_form_that_every_xla_computes() -> None:
    """On CPUs jaxlib 0.10.2 computes windows over ``[B, 1, L, C]`` wrongly behind a reshape."""
    from ismc.runtime import average_pool1d, max_pool1d

    def call(pool: Callable[..., Any], x: tf.Tensor) -> tf.Tensor:
        return pool(tf.nn.relu(x), 3, 3)

    for pool in (max_pool1d, average_pool1d):
        traced = tf.function(partial(call, pool), jit_compile=True)
        text = traced.experimental_get_compiler_ir(tf.TensorSpec([1, 999, 300]))(stage="hlo")
        line = next(line for line in text.splitlines() if "reduce-window(" in line)
        assert "f32[1,333,1,300]" in line, line


def test_pools_are_right_under_jax() -> None:
    pytest.importorskip("jax")
    from ismc.execution.lowering import lower
    from ismc.execution.module import Spec
    from ismc.execution.on_jax import Jax
    from ismc.runtime import max_pool1d

    x = np.random.default_rng(0).standard_normal((1, 999, 300)).astype(np.float32)

    def call(x: tf.Tensor) -> list[tf.Tensor]:
        y = max_pool1d(tf.nn.relu(x), 3, 3)
        return [y, tf.reshape(y, [1, -1])]  # two readers, as a tile and what is behind the loop

    runtime = Jax()
    found = runtime.load(lower(call, [Spec(x.shape, "float32")]))([runtime.put(x)])[0]
    np.testing.assert_array_equal(found, np.maximum(x, 0).reshape(1, 333, 3, 300).max(2))


def test_a_saved_model_serves_without_ismc(saved: tuple[Any, Path], tmp_path: Path) -> None:
    ism, path = saved
    x = one_hot(3)
    x[2] *= 0.5
    ism.export_saved_model(tmp_path / "served")
    with pytest.raises(ismc.ArtifactError, match="exists"):
        ism.export_saved_model(tmp_path / "served")
    ismc.load(path, cache=False).export_saved_model(tmp_path / "again")
    want = [ism.saturate(x)["a"], ism(x, [0, 1, 0, 0])["a"], ism.reference(x)["a"]]
    np.savez(tmp_path / "expected.npz", *map(np.asarray, want), x=x)
    code = f"""
import sys, numpy as np, tensorflow as tf
found = np.load({str(tmp_path / "expected.npz")!r})
x = tf.constant(found["x"])
for name in ("served", "again"):
    run = tf.saved_model.load({str(tmp_path)!r} + "/" + name).signatures
    block = tf.constant([[0.0, 1, 0, 0]])
    got = [run["saturate"](dna=x), run["write"](dna=x, block=block), run["reference"](dna=x)]
    for i, y in enumerate(got):
        np.testing.assert_allclose(y["a"], found[f"arr_{{i}}"], rtol=1e-5, atol=1e-5)
assert "ismc" not in sys.modules
print("served")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)  # noqa: S603
    assert "served" in done.stdout, done.stderr
