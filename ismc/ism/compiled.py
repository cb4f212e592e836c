"""What `ismc.compile` returns: a callable that answers for every site, letter and sequence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ismc.execution.substitutions import Substitutions
from ismc.ism.base import BATCHES, Inputs, Sites
from ismc.ism.checking.cached_programs import check_model, check_mutants
from ismc.ism.identity import identity
from ismc.ism.profile import profile
from ismc.ism.program import CompiledProgram
from ismc.ism.save import programs, save
from ismc.ism.saved_model import export


@dataclass(repr=False, kw_only=True)
class CompiledISM(CompiledProgram):
    """In-silico mutagenesis of one model, compiled.

    Weights are read from the model at every call, so a model that is trained further needs no new
    compilation. Shapes: ``B`` sequences, ``S`` sites, ``C`` channels.
    """

    def profile(self, x: Any = None, rounds: int = 5, every: int | str = 1) -> Any:
        """Where the time of a saturation goes, statement by statement; see `ismc.ism.profile`."""
        return profile(self, x, rounds, every)

    def save(self, path: str | Path, verbose: int | str = "auto") -> None:
        """Writes one file that `ismc.load` runs without Keras and without the model's code.

        It holds the programs for every number of sequences and kind of call, the weights as they
        are now, and a small input with its answers. Each kind of call is traced once.

        Args:
            path: the file, by custom ``NAME.ismc``; an older one is replaced as a whole.
            verbose: 0 for no bar, 1 for a bar, ``"auto"`` for a bar on a terminal.

        Raises:
            ArtifactError: when it cannot be written.
        """
        self.bound.refuse()
        save(self, path, verbose)

    def export_saved_model(self, path: str | Path) -> None:
        """Writes a SavedModel with the signatures ``saturate``, ``write`` and ``reference``.

        TensorFlow serves it without ismc. Inputs are named as the model's, and hold any number of
        sequences, finite ones; outputs are named as in `output_names`.

        Args:
            path: the folder; it must not exist.

        Raises:
            ArtifactError: when it exists or cannot be written.
        """
        self.bound.refuse()
        export(self, programs(self, verbose=0, most=1), path)

    @cached_property
    def identity(self) -> str:
        """SHA-256 of what layers and the score compute, without weights; the user's are traced."""
        return identity(self)

    def _call(
        self, x: Inputs, letters: Substitutions, batch: int, device: str = "", sites: Sites = None
    ) -> list[Any]:
        ys = super()._call(x, letters, batch, device, sites)
        if self.hits is not None:
            check_mutants(self, self._loaded(letters, batch).run, x, letters, ys, sites)
        return ys

    def _answers(self, inputs: Inputs) -> list[Any]:
        ys = super()._answers(inputs)
        if self.hits is not None:
            check_model(self, [self.programs.get(("model", size)) for size in BATCHES], inputs, ys)
        return ys
