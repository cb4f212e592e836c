"""Weights for an artifact: of a model of the same architecture, or of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ismc.artifacts.container import read
from ismc.artifacts.record import is_artifact, recorded
from ismc.errors import ArtifactError

Array = np.ndarray
Named = Sequence[tuple[str, str]]

COUNTED = re.compile(r"_\d+(?=/|$)")  # what Keras adds to the names of layers built later
SHOWN = 5


def replaced(names: Named, arrays: Sequence[Array], source: Any, path: str) -> list[Array]:
    """The weights of a model or a file, in the order of an artifact's.

    Args:
        names: owner and name of each weight of the artifact.
        arrays: its weights, whose shapes and dtypes the others must have.
        source: a Keras model, a mapping of ``owner/name`` to arrays, or a path: ``.ismc``,
            ``.safetensors``, or a model file of Keras.
        path: of the artifact, for messages.

    Raises:
        ArtifactError: when a weight is missing, more than expected, or has another shape.
    """
    found = _named(source)
    labels = ["/".join(pair) for pair in names]
    if len(found) == len(labels) and list(map(_plain, found)) == list(map(_plain, labels)):
        found = dict(zip(labels, found.values(), strict=True))
    problems = [f"{label!r} is missing" for label in labels if label not in found]
    problems += [f"{label!r} is not in the artifact" for label in found if label not in labels]
    for label, own in zip(labels, arrays, strict=True):
        if label in found and found[label].shape != own.shape:
            shape, wanted = list(found[label].shape), list(own.shape)
            problems.append(f"{label!r} has the shape {shape}, expected {wanted}")
    if problems:
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise ArtifactError(
            f"The weights do not fit {path}: {'; '.join(problems[:SHOWN])}{more}.",
            hint="Give weights of the same architecture and length, or compile the other model.",
        )
    pairs = zip(labels, arrays, strict=True)
    return [np.ascontiguousarray(found[label], own.dtype) for label, own in pairs]


def _plain(label: str) -> str:
    return COUNTED.sub("", label)


def _named(source: Any) -> dict[str, Array]:
    """Weights by ``owner/name``, in the order of the source."""
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
    from ismc.frontend import read as lowered

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
            f"{path} is no file of safetensors ({error}).", hint="Check the path, or copy it again."
        ) from error


def _artifact(path: Path) -> dict[str, Array]:
    found = read(path)
    said = recorded(found.manifest, str(path))
    return dict(zip(map("/".join, said.weights), said.weight_arrays(found), strict=True))
