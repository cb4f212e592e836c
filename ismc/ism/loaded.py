"""`LoadedISM`, a callable from an artifact, and `load`, which makes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ismc.artifacts.container import read_container
from ismc.artifacts.record import Record
from ismc.errors import ArtifactError
from ismc.ism.calls import ModelISM
from ismc.ism.loaded_program import LoadedProgram, decode_artifact

RUNTIMES = ("tensorflow", "jax")


@dataclass(repr=False, eq=False)
class LoadedISM(ModelISM):
    """In-silico mutagenesis from an artifact: the programs and weights, without the model.

    It is called like a `CompiledISM`. At its first use, each program is compared with the answers
    in the artifact, on the current runtime and device.

    Attributes:
        program: the programs and weights.
    """

    program: LoadedProgram

    @property
    def path(self) -> str:
        """The file it was loaded from."""
        return self.program.path

    @property
    def record(self) -> Record:
        """The artifact's metadata."""
        return self.program.record

    def with_weights(self, weights: Any) -> LoadedISM:
        """A copy with other weights and the same programs.

        Args:
            weights: a Keras model of the same architecture, a dict of arrays by ``layer/weight``,
                or the path of an artifact, a safetensors file or a saved Keras model.

        Raises:
            ArtifactError: when names or shapes differ from the artifact's; lists them.
        """
        return LoadedISM(self.program.with_weights(weights))

    def export_saved_model(self, path: str | Path) -> None:
        """Writes a SavedModel; see `CompiledISM.export_saved_model`."""
        from ismc.ism.saved_model import export

        export(self.program, self.program.modules, path)

    def verify(self) -> None:
        """Checks the first program; the others are checked at their first use.

        Raises:
            ArtifactError: when its answers differ from those in the artifact.
        """
        self.program.verify()


def load(
    path: str | Path,
    *,
    runtime: Literal["tensorflow", "jax"] | str = "tensorflow",
    weights: Any = None,
    cache: str | Path | bool | None = None,
) -> LoadedISM:
    """Loads an artifact written by `CompiledISM.save`, without Keras and without the model's code.

    One program is compared with the answers in the artifact before `load` returns, the others at
    their first use.

    Args:
        path: the file.
        runtime: ``"tensorflow"``, or ``"jax"``, which needs no TensorFlow.
        weights: weights that replace those in the file; see `LoadedISM.with_weights`.
        cache: a folder for executables, or ``False`` for none; as for `ismc.compile`.

    Returns:
        A `LoadedISM`.

    Raises:
        ArtifactError: when the file is damaged, of another format or newer; when the weights do
            not fit; or when this runtime's answers differ from those in the file.
    """
    if runtime not in RUNTIMES:
        raise ArtifactError(f"runtime is {runtime!r}, expected one of {', '.join(RUNTIMES)}.")
    program = decode_artifact(read_container(Path(path)), str(path))
    if runtime == "jax":
        from ismc.execution.on_jax import Jax

        program.where = Jax()
    else:
        from ismc.artifacts.cache.cached import open_cache
        from ismc.execution.on_tensorflow import TensorFlow

        program.where, program.store = TensorFlow(), open_cache(cache)
    program.verify()
    return LoadedISM(program if weights is None else program.with_weights(weights))
