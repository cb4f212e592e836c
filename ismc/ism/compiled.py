"""`CompiledISM`, which `ismc.compile` returns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ismc.ism.calls import ModelISM
from ismc.ism.profile import Profile, profile_program
from ismc.ism.program import CompiledProgram
from ismc.ism.save import programs, save_artifact
from ismc.ism.saved_model import export


@dataclass(repr=False, eq=False)
class CompiledISM(ModelISM):
    """In-silico mutagenesis of one model, compiled.

    ``ism.saturate(x)`` writes every letter at each site, ``ism(x, block)`` writes one block,
    ``ism.predict(x)`` does either in batches, and ``ism.reference(x)`` runs the model itself.

    Weights are read from the model at every call, so training the model further needs no new
    compilation. Shapes: ``B`` sequences, ``S`` sites, ``C`` channels.

    Attributes:
        program: the plan, the source, the model and the programs.

    >>> import keras, numpy as np, ismc
    >>> model = keras.Sequential([keras.Input((20, 4)), keras.layers.Conv1D(3, 5)])
    >>> ismc.compile(model).saturate(np.zeros((2, 20, 4))).shape
    TensorShape([2, 20, 4, 16, 3])
    """

    program: CompiledProgram

    @property
    def key(self) -> str:
        """The key of its programs in the cache: 64 hexadecimal digits, or empty for user code."""
        return self.program.key

    def profile(self, x: Any = None, rounds: int = 5, every: int | str = 1) -> Profile:
        """Times a saturation, statement by statement.

        Args:
            x: inputs as for a call; by default one random sequence.
            rounds: how often each program is timed; the median counts.
            every: the number of statements per row, or ``"segment"``. Each row takes a compilation.

        Returns:
            An `ismc.ism.profile.Profile`; `print` shows it as a table.

        Raises:
            InputError: when an input does not fit the model, or a number is not positive.
        """
        return profile_program(self.program, x, rounds, every)

    def save(self, path: str | Path, verbose: int | str = "auto") -> None:
        """Writes a file that `ismc.load` loads without Keras and without the model's code.

        The file contains the programs for every batch size and kind of call, the current weights,
        and a small input with its answers for a check. Each kind of call is traced once.

        Args:
            path: the file, by convention ``NAME.ismc``; an existing file is replaced atomically.
            verbose: 0 for no bar, 1 for a bar, ``"auto"`` for a bar on a terminal.

        Raises:
            ArtifactError: when the file cannot be written.
        """
        self.program.bound.refuse()
        save_artifact(self.program, path, verbose)

    def export_saved_model(self, path: str | Path) -> None:
        """Writes a SavedModel with the signatures ``saturate``, ``write`` and ``reference``.

        TensorFlow serves it without ismc. Inputs have the names of the model's inputs and take any
        number of sequences, which must be finite; outputs have the names in `output_names`.

        Args:
            path: the folder to create; it must not exist.

        Raises:
            ArtifactError: when the folder exists or cannot be written.
        """
        self.program.bound.refuse()
        export(self.program, programs(self.program, verbose=0, most=1), path)
