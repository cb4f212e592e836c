"""Sequence models from files; TensorFlow is imported only when a model is loaded."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from ismc.errors import InputError, UnsupportedModelError
from ismc.execution.gc import gc_paused
from ismc.frontend.load_model import load_model as read_model

CHANNELS = 4
STDERR = 2


def check_model_file(path: Path) -> None:
    """Checks that the file of a model exists.

    Raises:
        InputError: when it is missing or a directory.
    """
    if path.is_dir():
        raise InputError(
            f"The model {path} is a directory, expected a file .keras, .h5 or .ismc.",
            hint="Save it with model.save('model.keras').",
        )
    if not path.exists():
        raise InputError(
            f"The model {path} does not exist, expected a file .keras, .h5 or .ismc.",
            hint="Check the path.",
        )


def import_keras() -> Any:
    """The module `keras`, imported as by `import_quietly`."""
    return import_quietly("keras")


def import_quietly(name: str) -> Any:
    """A module that imports TensorFlow, imported with TensorFlow's log hidden.

    Some messages of the import ignore the log level (tensorflow/tensorflow#100442), so stderr is
    redirected during the import and printed only if the import fails. If the user has set
    ``TF_CPP_MIN_LOG_LEVEL``, nothing is hidden.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ or "tensorflow" in sys.modules:
        with gc_paused():
            return import_module(name)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stderr.flush()
    terminal = os.dup(STDERR)
    with TemporaryFile() as log:
        os.dup2(log.fileno(), STDERR)
        try:
            with gc_paused():
                return import_module(name)
        except BaseException:
            log.seek(0)
            os.write(terminal, log.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, STDERR)
            os.close(terminal)


def load_sequence_model(path: Path) -> Any:
    """The Keras model in a file; its only input is ``[B, L, 4]``.

    Raises:
        InputError: when the file does not exist.
        ArtifactError: when the file is damaged, or needs code that is not available.
        UnsupportedModelError: when the model has other inputs.
    """
    check_model_file(path)
    import_keras()
    model = read_model(path)
    check_inputs(model, path)
    return model


def at_length(model: Any, length: int) -> Any:
    """The model with its open length fixed; a model of fixed length is returned unchanged."""
    from ismc.frontend.lengths import at_shapes

    if sequence_length(model) is not None:
        return model
    return at_shapes(model, [(length, CHANNELS)])


def sequence_length(model: Any) -> int | None:
    """``L`` of the model's sequences, or ``None`` if the model takes any length."""
    return model.inputs[0].shape[1]


def choose_length(fixed: int | None, requested: int | None, name: str, problem: str = "") -> int:
    """``L``: the model's length if it is fixed, else the requested one.

    Args:
        fixed: the model's length, or ``None`` if it takes any.
        requested: the length of the sequences, or ``None`` to use the model's.
        name: the name of the model or of its file.
        problem: the beginning of the error message when the two lengths differ.

    Raises:
        InputError: when neither length is known, or they differ.
    """
    if fixed is None and requested is None:
        raise InputError(
            f"The model {name} takes sequences of any length, expected one.",
            hint="Give a length: --length 1000, or length=1000 in Python.",
        )
    if fixed is not None and requested not in (None, fixed):
        raise InputError(
            f"{problem or f'The length is {requested}'}, expected {fixed}, the length of the "
            f"model {name}.",
            hint=f"Cut or pad the sequences to {fixed} letters; N is an unknown letter.",
        )
    return int(fixed or requested or 0)


def check_inputs(model: Any, name: object) -> None:
    """Checks that the model has one input and that it is ``[B, L, 4]``.

    Raises:
        UnsupportedModelError: when the model has other inputs.
    """
    shapes = [list(tensor.shape[1:]) for tensor in getattr(model, "inputs", None) or ()]
    if len(shapes) == 1 and len(shapes[0]) == 2 and shapes[0][1] == CHANNELS:
        return
    text = [
        "[" + ", ".join(["B", *("L" if n is None else str(n) for n in s)]) + "]" for s in shapes
    ]
    raise UnsupportedModelError(
        f"The model {name} has the inputs {', '.join(text) or 'of an unbuilt model'}, expected one "
        f"input [B, L, {CHANNELS}] of one-hot letters.",
        hint="Use ismc.compile in Python for models with other inputs.",
    )
