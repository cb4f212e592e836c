"""`Scanner`: the calls that every object for in-silico mutagenesis has."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Scanner(Protocol):
    """In-silico mutagenesis of sequences: compiled, loaded, averaged, of open length, or naive.

    Shapes: ``B`` sequences, ``S`` sites, ``C`` channels. Results are nested like the model's
    outputs.
    """

    def __call__(self, x: Any, replace_with: Any = 0) -> Any:
        """Writes ``replace_with`` at each site: ``[B, S, *output]``."""
        ...

    def saturate(self, x: Any) -> Any:
        """Writes every letter at each site: ``[B, S, C, *output]``."""
        ...

    def reference(self, x: Any) -> Any:
        """The model's outputs for the sequences: ``[B, *output]``."""
        ...

    def predict(
        self,
        x: Any,
        replace_with: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        check: bool | str | None = None,
    ) -> Any:
        """`saturate` or a call in NumPy, in batches."""
        ...

    def explain(self, length: int | None = None) -> str:
        """How sequences are computed; ``length`` is needed for a model of open length only."""
        ...

    @property
    def sites(self) -> tuple[tuple[int, int], ...] | None:
        """The mutated ranges ``(start, stop)``, half-open; ``None`` for all of an open length."""
        ...

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs, in the order of a flat result."""
        ...

    @property
    def score_name(self) -> str:
        """The full name of the score; empty if results are the model's outputs."""
        ...
