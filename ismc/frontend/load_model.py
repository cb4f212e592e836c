"""Loads models from files of Keras 3 and Keras 2, with functions in place of saved bytecode.

The bytecode of a Lambda layer is never run: it may do anything, and it works in only one version of
Python. The caller passes the function under the layer's name instead, and the configuration is
rewritten before Keras reads it.
"""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ismc.errors import ArtifactError, InputError

FORMATS = (".keras", ".h5", ".hdf5", ".json")
UNKNOWN = re.compile(r"(?:Could not locate (?:class|function)|Unknown [\w ]+?:) *'?([\w.>]+)")


@dataclass(frozen=True)
class _Saved:
    """The contents of a file: the configuration of its model, and the version of Keras."""

    path: Path
    config: Any
    version: str

    @property
    def old(self) -> bool:
        """Whether Keras 2 or Keras 1 wrote the file."""
        return self.version[:1] in ("1", "2")


def load_model(
    path: str | Path,
    weights: str | Path | None = None,
    custom_objects: Mapping[str, Any] | None = None,
) -> Any:
    """Loads a Keras model with the Keras version that wrote it, not compiled for training.

    Args:
        path: a ``.keras``, ``.h5`` or ``.hdf5`` file of a complete model, or a ``.json`` file of an
            architecture.
        weights: the ``.h5`` or ``.hdf5`` file of the weights that belong to a ``.json`` file.
        custom_objects: classes and functions by their names in the file; the function of a Lambda
            layer by the name of the layer.

    Returns:
        A model of `keras`, or of `tf_keras` if Keras 2 wrote the file.

    Raises:
        InputError: when a file is missing or has another format.
        ArtifactError: when a file is damaged, needs `tf_keras`, or names a class or function that
            is neither part of Keras nor in ``custom_objects``.
    """
    path = _check_path(path, FORMATS, "model")
    if (path.suffix.lower() == ".json") != (weights is not None):
        raise InputError(
            f"The model {path} came {'with' if weights else 'without'} a file of weights, expected "
            "one for a .json file and none for a complete model.",
            hint="load_model('model.json', weights='weights.h5'), or load_model('model.keras').",
        )
    weights = (
        weights if weights is None else _check_path(weights, (".h5", ".hdf5"), "file of weights")
    )
    saved, objects = _read(path), dict(custom_objects or {})
    changed = _insert_functions(saved.config, objects)
    _refuse_bytecode(saved)
    load = _load_architecture if weights else _load_file
    model = _try_each_keras(saved, objects, lambda keras: load(keras, saved, objects, changed))
    if weights:
        _load_weights(model, saved, weights)
    return model


def _check_path(path: str | Path, suffixes: tuple[str, ...], what: str) -> Path:
    """The path of an existing file with one of the suffixes.

    Raises:
        InputError: when the file does not exist or has another suffix.
    """
    path, formats = Path(path), ", ".join(suffixes)
    if not path.exists():
        raise InputError(
            f"The {what} {path} does not exist, expected a file {formats}.", hint="Check the path."
        )
    if path.is_dir() or path.suffix.lower() not in suffixes:
        raise InputError(
            f"The {what} {path} is a {'directory' if path.is_dir() else 'file of another format'}, "
            f"expected a file {formats}.",
            hint="Load it with Keras, and pass the model to ismc.compile.",
        )
    return path


def _damaged(path: Path, error: BaseException | str) -> ArtifactError:
    return ArtifactError(
        f"The model {path} cannot be read ({_first_line(error)}), expected a complete Keras file.",
        hint="Copy or download it again.",
    )


def _read(path: Path) -> _Saved:
    """Reads the configuration and the version from a file.

    Raises:
        ArtifactError: when the file is damaged or contains no model.
    """
    reader = {".keras": _zip, ".json": _json}.get(path.suffix.lower(), _hdf5)
    try:
        config, version = reader(path)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from error
    if not isinstance(config, dict):
        raise ArtifactError(
            f"The file {path} holds no architecture of a model, expected a complete model.",
            hint="For a file of weights: load_model('model.json', weights='weights.h5').",
        )
    return _Saved(path, config, str(version))


def _zip(path: Path) -> tuple[Any, str]:
    with zipfile.ZipFile(path) as file:
        metadata = json.loads(file.read("metadata.json"))
        return json.loads(file.read("config.json")), metadata.get("keras_version", "")


def _json(path: Path) -> tuple[Any, str]:
    config = json.loads(path.read_text())
    return config, config.get("keras_version", "") if isinstance(config, dict) else ""


def _hdf5(path: Path) -> tuple[Any, str]:
    import h5py

    with h5py.File(path) as file:
        config, version = (_text(file.attrs.get(k)) for k in ("model_config", "keras_version"))
    return json.loads(config or "null"), version


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""


def _lambdas(config: Any) -> Iterator[dict[str, Any]]:
    """The configurations of all Lambda layers, including those of nested models."""
    children = config.values() if isinstance(config, dict) else config
    for child in children if isinstance(config, dict | list) else ():
        yield from _lambdas(child)
    if isinstance(config, dict) and config.get("class_name") == "Lambda":
        yield config["config"]


def _insert_functions(config: Any, objects: Mapping[str, Any]) -> bool:
    """Makes Lambda layers use the functions of the same names; returns whether any layer does."""
    changed = False
    for layer in _lambdas(config):
        name = layer["name"]
        if name not in objects:
            continue
        if isinstance(layer["function"], dict):
            kind = {"module": "builtins", "class_name": "function"}
            layer["function"] = kind | {"config": name, "registered_name": name}
        else:
            layer.update(function=name, function_type="function", module=None)
        changed = True
    return changed


def _refuse_bytecode(saved: _Saved) -> None:
    """Raises an ArtifactError if a Lambda layer still holds bytecode."""
    names = [x["name"] for x in _lambdas(saved.config) if not _is_named(x["function"])]
    if names:
        entries = ", ".join(f'"{name}": function' for name in names)
        raise ArtifactError(
            f"The model {saved.path} has the Lambda layers {names} saved as bytecode, which is not "
            "run, expected functions for them.",
            hint=f"load_model(path, custom_objects={{{entries}}})",
        )


def _is_named(function: Any) -> bool:
    return isinstance(function, str) or (
        isinstance(function, dict) and function.get("class_name") == "function"
    )


def _try_each_keras(saved: _Saved, objects: Mapping[str, Any], load: Callable[[Any], Any]) -> Any:
    """The model, loaded by Keras 3, or by Keras 2 if it wrote the file or Keras 3 fails.

    Raises:
        ArtifactError: when both fail, with the reason of the first.
    """
    first: Exception | None = None
    for keras in _keras_modules(saved):
        try:
            return load(keras)
        except Exception as error:  # noqa: BLE001  (Keras raises nearly anything)
            first = first or error
    assert first is not None  # noqa: S101  (at least one Keras was tried)
    match = UNKNOWN.search(str(first))
    unknown = [match.group(1)] if match else [n for n in _custom(saved.config) if n not in objects]
    if unknown:
        name = unknown[0].split(">")[-1]
        raise ArtifactError(
            f"The model {saved.path} has a class or function {name!r}, which is not part of Keras, "
            f"expected it in custom_objects, which has {sorted(objects)}.",
            hint=f'load_model(path, custom_objects={{"{name}": {name}}})',
        ) from first
    raise _damaged(saved.path, first) from first


def _custom(config: Any) -> Iterator[str]:
    """The names of all classes and functions that are not part of Keras."""
    children = config.values() if isinstance(config, dict) else config
    for child in children if isinstance(config, dict | list) else ():
        yield from _custom(child)
    if isinstance(config, dict) and config.get("registered_name"):
        if str(config.get("module")).split(".")[0] in ("keras", "tf_keras"):
            return
        yield config["registered_name"].split(">")[-1]


def _keras_modules(saved: _Saved) -> Iterator[Any]:
    """The Keras module to load a file with, and then the one to try if that fails.

    Raises:
        ArtifactError: when Keras 2 wrote the file and `tf_keras` is not installed.
    """
    if not saved.old:
        import keras

        yield keras
    try:
        import tf_keras

        yield tf_keras
    except ImportError as error:
        if saved.old:
            raise ArtifactError(
                f"The model {saved.path} was written by Keras {saved.version}, expected Keras 3, "
                "or the package tf_keras to load it with.",
                hint="pip install 'ismc[keras2]'",
            ) from error


def _load_architecture(keras: Any, saved: _Saved, objects: dict[str, Any], changed: bool) -> Any:
    del changed
    return keras.models.model_from_json(json.dumps(saved.config), custom_objects=objects)


def _load_file(keras: Any, saved: _Saved, objects: dict[str, Any], changed: bool) -> Any:
    """Loads a file, or a copy with the new configuration if the configuration was changed."""
    if not changed:
        return keras.models.load_model(saved.path, custom_objects=objects, compile=False)
    with TemporaryDirectory() as folder:
        copy = Path(folder) / saved.path.name
        (_copy_zip if saved.path.suffix.lower() == ".keras" else _copy_hdf5)(saved, copy)
        return keras.models.load_model(copy, custom_objects=objects, compile=False)


def _copy_zip(saved: _Saved, copy: Path) -> None:
    with zipfile.ZipFile(saved.path) as source, zipfile.ZipFile(copy, "w") as target:
        for item in source.infolist():
            changed = item.filename == "config.json"
            target.writestr(item, json.dumps(saved.config) if changed else source.read(item))


def _copy_hdf5(saved: _Saved, copy: Path) -> None:
    import h5py

    shutil.copyfile(saved.path, copy)
    with h5py.File(copy, "r+") as file:
        file.attrs["model_config"] = json.dumps(saved.config)


def _load_weights(model: Any, saved: _Saved, weights: Path) -> None:
    try:
        model.load_weights(weights)
    except Exception as error:
        raise ArtifactError(
            f"The weights {weights} cannot be loaded into {saved.path} ({_first_line(error)}), "
            "expected the weights of that architecture.",
            hint="Pass the two files that were saved from the same model.",
        ) from error


def _first_line(error: BaseException | str) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
