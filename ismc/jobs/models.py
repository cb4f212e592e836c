"""Models of sequences, from files; TensorFlow is imported no sooner than one is loaded."""

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
    """Checks that the file of a model is there.

    Raises:
        InputError: when it is missing, or a directory.
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
    """The module `keras`, as `import_quietly`."""
    return import_quietly("keras")


def import_quietly(name: str) -> Any:
    """A module that imports TensorFlow, whose log is kept off the terminal.

    Some messages of the import heed no level (tensorflow/tensorflow#100442), so stderr is put
    aside meanwhile, and shown after all if the import fails. A user who has set
    ``TF_CPP_MIN_LOG_LEVEL`` sees everything.
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


def load_model(path: Path) -> Any:
    """The Keras model of a file, whose one input is ``[B, L, 4]``.

    Raises:
        InputError: when there is no such file.
        ArtifactError: when it is damaged, or needs what is not there.
        UnsupportedModelError: when its inputs are others.
    """
    check_model_file(path)
    import_keras()
    model = read_model(path)
    check_inputs(model, path)
    return model


def at_length(model: Any, length: int) -> Any:
    """The model for sequences of a length, where it takes any; else the model itself."""
    from ismc.frontend.lengths import at_shapes

    if sequence_length(model) is not None:
        return model
    return at_shapes(model, [(length, CHANNELS)])


def sequence_length(model: Any) -> int | None:
    """``L`` of the model's sequences, or ``None`` when it is open."""
    return model.inputs[0].shape[1]


def chosen_length(fixed: int | None, given: int | None, name: str, found: str = "") -> int:
    """``L``, where the model has one, or one is given.

    Args:
        fixed: that of the model, or ``None`` for any.
        given: that of the sequences, or ``None`` for that of the model.
        name: of the model, or of its file.
        found: what says that the sequences have the length that is given.

    Raises:
        InputError: when there is none, or there are two.
    """
    if fixed is None and given is None:
        raise InputError(
            f"The model {name} takes sequences of any length, expected one.",
            hint="Give a length: --length 1000, or length=1000 in Python.",
        )
    if fixed is not None and given not in (None, fixed):
        raise InputError(
            f"{found or f'The length is {given}'}, expected {fixed}, as the model {name} takes.",
            hint=f"Cut or pad the sequences to {fixed} letters; N is an unknown letter.",
        )
    return int(fixed or given or 0)


def check_inputs(model: Any, name: object) -> None:
    """Checks that the one input of a model is ``[B, L, 4]``.

    Raises:
        UnsupportedModelError: when it is not.
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
