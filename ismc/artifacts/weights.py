"""Weights for an artifact, from a model of the same architecture or from a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ismc.artifacts.container import read_container
from ismc.artifacts.record import is_artifact, read_record
from ismc.errors import ArtifactError

Array = np.ndarray
Named = Sequence[tuple[str, str]]

SUFFIX = re.compile(r"_\d+(?=/|$)")  # Keras numbers layers that it builds later
MAX_PROBLEMS = 5


def replacement_weights(
    names: Named, arrays: Sequence[Array], source: Any, path: str
) -> list[Array]:
    """The weights of a model or a file, in the order of an artifact's weights.

    Args:
        names: the owner and name of each weight of the artifact.
        arrays: the artifact's weights; the new ones must have their shapes.
        source: a Keras model, a mapping of ``owner/name`` to arrays, or a path: ``.ismc``,
            ``.safetensors``, or a Keras model file.
        path: the path of the artifact, for messages.

    Raises:
        ArtifactError: when a weight is missing, unknown, or of another shape.
    """
    weights = _weights_by_name(source)
    labels = ["/".join(pair) for pair in names]
    if len(weights) == len(labels) and list(map(_plain, weights)) == list(map(_plain, labels)):
        weights = dict(zip(labels, weights.values(), strict=True))
    problems = [f"{label!r} is missing" for label in labels if label not in weights]
    problems += [f"{label!r} is not in the artifact" for label in weights if label not in labels]
    for label, array in zip(labels, arrays, strict=True):
        if label in weights and weights[label].shape != array.shape:
            shape, expected = list(weights[label].shape), list(array.shape)
            problems.append(f"{label!r} has the shape {shape}, expected {expected}")
    if problems:
        rest = f"; and {len(problems) - MAX_PROBLEMS} more" if len(problems) > MAX_PROBLEMS else ""
        raise ArtifactError(
            f"The weights do not fit {path}: {'; '.join(problems[:MAX_PROBLEMS])}{rest}.",
            hint="Give weights of the same architecture and length, or compile the other model.",
        )
    pairs = zip(labels, arrays, strict=True)
    return [np.ascontiguousarray(weights[label], array.dtype) for label, array in pairs]


def _plain(label: str) -> str:
    return SUFFIX.sub("", label)


def _weights_by_name(source: Any) -> dict[str, Array]:
    """The weights by ``owner/name``, in the order of the source."""
    if isinstance(source, Mapping):
        return {str(key): np.asarray(value) for key, value in source.items()}
    if isinstance(source, str | Path):
        path = Path(source)
        if not path.is_file():
            raise ArtifactError(f"There is no file {path}.", hint="Check the path.")
        if path.suffix == ".safetensors":
            return _safetensors(path)
        if is_artifact(path):
            return _artifact(path)
        from ismc.frontend.load_model import load_model

        source = load_model(path)
    from ismc.frontend.read import read as lowered

    variables = lowered(source).variables.items()
    return {
        f"{owner}/{name}": np.asarray(v) for owner, named in variables for name, v in named.items()
    }


def _safetensors(path: Path) -> dict[str, Array]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"{path} is not a safetensors file ({error}).", hint="Check the path, or copy it again."
        ) from error


def _artifact(path: Path) -> dict[str, Array]:
    container = read_container(path)
    record = read_record(container.manifest, str(path))
    return dict(zip(map("/".join, record.weights), record.weight_arrays(container), strict=True))
