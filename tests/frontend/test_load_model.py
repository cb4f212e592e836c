"""Models from files: every format, functions for Lambda layers, and what is wrong with a file."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import ismc
from ismc.errors import ArtifactError, InputError
from ismc.frontend.load_model import load_model

tf_keras = pytest.importorskip("tf_keras")

pytestmark = [
    pytest.mark.as_written,
    pytest.mark.filterwarnings("ignore:.*HDF5 file:UserWarning"),
]

KERAS = [pytest.param(keras, id="keras"), pytest.param(tf_keras, id="tf_keras")]


def small(k: Any, extra: Any = None) -> Any:
    x = k.Input((12, 4), name="dna")
    y = k.layers.Conv1D(3, 3, activation="relu", name="conv")(x)
    y = y if extra is None else extra(y)
    return k.Model(x, k.layers.Dense(2, name="out")(k.layers.Flatten(name="flat")(y)), name="small")


def with_lambda(k: Any) -> Any:
    return small(k, k.layers.Lambda(lambda t: t * 2.0, name="twice"))


def same(model: Any, other: Any) -> None:
    x = np.eye(4, dtype=np.float32)[np.arange(12) % 4][None]
    np.testing.assert_allclose(model(x), other(x), rtol=1e-5, atol=1e-6)


def double(t: Any) -> Any:
    return t * 2.0


@pytest.mark.parametrize("k", KERAS)
@pytest.mark.parametrize("suffix", [".keras", ".h5", ".hdf5"])
def test_whole_models_are_loaded_in_the_keras_that_wrote_them(
    k: Any, suffix: str, tmp_path: Path
) -> None:
    model, path = small(k), tmp_path / f"model{suffix}"
    if suffix == ".hdf5" and k is keras:
        model.save(tmp_path / "model.h5")
        (tmp_path / "model.h5").rename(path)
    else:
        model.save(path)
    loaded = load_model(path)
    assert isinstance(loaded, k.Model)
    same(loaded, model)


@pytest.mark.parametrize("k", KERAS)
@pytest.mark.parametrize("name", ["w.weights.h5", "w.h5"])
def test_architecture_and_weights(k: Any, name: str, tmp_path: Path) -> None:
    if k is keras and name == "w.h5":
        pytest.skip("Keras 3 saves weights as .weights.h5 alone")
    model = small(k)
    (tmp_path / "model.json").write_text(model.to_json())
    model.save_weights(tmp_path / name)
    loaded = load_model(tmp_path / "model.json", weights=tmp_path / name)
    assert isinstance(loaded, k.Model)
    same(loaded, model)


def test_loaded_models_compile(tmp_path: Path) -> None:
    small(tf_keras).save(tmp_path / "model.h5")
    ismc.compile(load_model(tmp_path / "model.h5"))


@pytest.mark.parametrize("k", KERAS)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_lambda_needs_a_function_by_its_name(k: Any, suffix: str, tmp_path: Path) -> None:
    model, path = with_lambda(k), tmp_path / f"model{suffix}"
    model.save(path)
    before = path.read_bytes()
    with pytest.raises(ArtifactError, match=r"Lambda layers \['twice'\]") as caught:
        load_model(path)
    assert 'custom_objects={"twice": function}' in str(caught.value)
    same(load_model(path, custom_objects={"twice": double}), model)
    assert path.read_bytes() == before


@pytest.mark.parametrize("k", KERAS)
def test_lambda_in_an_architecture(k: Any, tmp_path: Path) -> None:
    model, path = with_lambda(k), tmp_path / "model.json"
    path.write_text(model.to_json())
    model.save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(ArtifactError, match="twice"):
        load_model(path, tmp_path / "w.weights.h5")
    same(load_model(path, tmp_path / "w.weights.h5", {"twice": double}), model)


def scale(k: Any) -> Any:
    class Scale(k.layers.Layer):
        def call(self, t: Any) -> Any:
            return t * 3.0

    return Scale


@pytest.mark.parametrize("k", KERAS)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_unknown_class_is_named(k: Any, suffix: str, tmp_path: Path) -> None:
    made = scale(k)
    model, path = small(k, made(name="scale")), tmp_path / f"model{suffix}"
    model.save(path)
    with pytest.raises(ArtifactError, match="class or function 'Scale'") as caught:
        load_model(path)
    assert 'custom_objects={"Scale": Scale}' in str(caught.value)
    same(load_model(path, custom_objects={"Scale": made}), model)


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".json"])
def test_damaged_files(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"no model")
    weights = path.with_suffix(".h5") if suffix == ".json" else None
    if weights:
        weights.write_bytes(b"no weights")
    with pytest.raises(ArtifactError, match="cannot be read"):
        load_model(path, weights)


def test_truncated_archive(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps({"class_name": "Functional"}))
    with pytest.raises(ArtifactError, match=r"metadata\.json"):
        load_model(path)


def test_weights_alone_are_no_model(tmp_path: Path) -> None:
    small(tf_keras).save_weights(tmp_path / "w.h5")
    with pytest.raises(ArtifactError, match=r"holds no architecture") as caught:
        load_model(tmp_path / "w.h5")
    assert "weights=" in str(caught.value)


def test_weights_of_another_model(tmp_path: Path) -> None:
    x = keras.Input((7, 4))
    keras.Model(x, keras.layers.Conv1D(2, 3)(x)).save_weights(tmp_path / "w.weights.h5")
    (tmp_path / "model.json").write_text(small(keras).to_json())
    with pytest.raises(ArtifactError, match="weights of that architecture"):
        load_model(tmp_path / "model.json", tmp_path / "w.weights.h5")


def test_files_that_are_not_there_or_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load_model(tmp_path / "model.keras")
    with pytest.raises(InputError, match="is a directory"):
        load_model(tmp_path)
    (tmp_path / "model.pt").touch()
    with pytest.raises(InputError, match="another format"):
        load_model(tmp_path / "model.pt")
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(InputError, match="without a file of weights"):
        load_model(tmp_path / "model.json")
    (tmp_path / "model.keras").touch()
    with pytest.raises(InputError, match="with a file of weights"):
        load_model(tmp_path / "model.keras", tmp_path / "model.json")
    with pytest.raises(InputError, match=r"file of weights .* does not exist"):
        load_model(tmp_path / "model.json", tmp_path / "w.h5")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_files_of_keras_2_need_tf_keras(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(tf_keras).save(tmp_path / f"model{suffix}")
    monkeypatch.setitem(sys.modules, "tf_keras", None)
    with pytest.raises(ArtifactError, match=r"written by Keras 2\.") as caught:
        load_model(tmp_path / f"model{suffix}")
    assert "pip install 'ismc[keras2]'" in str(caught.value)


def test_files_of_keras_3_do_not_need_tf_keras(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small(keras)
    model.save(tmp_path / "model.h5")
    monkeypatch.setitem(sys.modules, "tf_keras", None)
    same(load_model(tmp_path / "model.h5"), model)
