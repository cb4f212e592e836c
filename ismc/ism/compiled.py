"""`CompiledISM`, which `ismc.compile` returns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ismc.execution.substitutions import Substitutions
from ismc.ism.base import BATCHES, Inputs, Sites
from ismc.ism.checking.cached_programs import check_model, check_mutants
from ismc.ism.profile import profile_program
from ismc.ism.program import CompiledProgram
from ismc.ism.save import programs, save_artifact
from ismc.ism.saved_model import export


@dataclass(repr=False, kw_only=True)
class CompiledISM(CompiledProgram):
    """In-silico mutagenesis of one model, compiled.

    ``ism.saturate(x)`` writes every letter at each site, ``ism(x, block)`` writes one block,
    ``ism.predict(x)`` does either in batches, and ``ism.reference(x)`` runs the model itself.

    Weights are read from the model at every call, so training the model further needs no new
    compilation. Shapes: ``B`` sequences, ``S`` sites, ``C`` channels.
    """

    def profile(self, x: Any = None, rounds: int = 5, every: int | str = 1) -> Any:
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
        return profile_program(self, x, rounds, every)

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
        self.bound.refuse()
        save_artifact(self, path, verbose)

    def export_saved_model(self, path: str | Path) -> None:
        """Writes a SavedModel with the signatures ``saturate``, ``write`` and ``reference``.

        TensorFlow serves it without ismc. Inputs have the names of the model's inputs and take any
        number of sequences, which must be finite; outputs have the names in `output_names`.

        Args:
            path: the folder to create; it must not exist.

        Raises:
            ArtifactError: when the folder exists or cannot be written.
        """
        self.bound.refuse()
        export(self, programs(self, verbose=0, most=1), path)

    def _call(
        self, x: Inputs, letters: Substitutions, batch: int, device: str = "", sites: Sites = None
    ) -> list[Any]:
        ys = super()._call(x, letters, batch, device, sites)
        if self.hits is not None:
            check_mutants(self, self._program_for(letters, batch).run, x, letters, ys, sites)
        return ys

    def _model_outputs(self, inputs: Inputs) -> list[Any]:
        ys = super()._model_outputs(inputs)
        if self.hits is not None:
            check_model(self, [self.programs.get(("model", size)) for size in BATCHES], inputs, ys)
        return ys
