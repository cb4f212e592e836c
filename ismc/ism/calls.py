"""`ISM`: the calls of compiled programs, of loaded ones, and of ensembles."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ismc.errors import InputError
from ismc.ism.checking import Checks, predicted
from ismc.ism.checking.statistics import Mode
from ismc.plan.plan import Plan


@dataclass(repr=False, eq=False)
class ISM:
    """In-silico mutagenesis: checks and names inputs, calls a program, and nests its results.

    Shapes: ``B`` sequences, ``S`` sites, ``C`` channels.

    Attributes:
        program: the program, an `ismc.ism.base.ScanProgram` or the average of several.
    """

    program: Any

    def __repr__(self) -> str:
        length, channels = self.input_shape
        score = f", score {self.score_name!r}" if self.score_name else ""
        return (
            f"<{type(self).__name__} of {self._title()}: [{length}, {channels}], "
            f"{len(self.sites)} sites, outputs {self.output_names}{score}{self._suffix()}>"
        )

    def _title(self) -> str:
        return self.program.title()

    def _suffix(self) -> str:
        return ""

    def __call__(self, x: Any, replace_with: Any = 0) -> Any:
        """Writes ``replace_with`` at each site.

        Args:
            x: sequences ``[B, L, C]``, or a list or dict of all inputs as the model takes them.
            replace_with: a number, a letter ``[C]``, or a block ``[width, C]``.

        Returns:
            ``[B, S, *output]``, nested like the model's outputs.

        Raises:
            InputError: when an argument does not fit the model, or the score compares letters.
        """
        letters = self.program.substitution(replace_with)
        ys = self.program.substituted(self.program.inputs(x), letters)
        return self.program.nested_results([y[:, :, 0] for y in ys])

    def saturate(self, x: Any) -> Any:
        """Writes every letter at each site: ``[B, S, C, *output]``.

        The reference letter gives the reference output. A site costs ``C - 1`` mutants in one-hot
        sequences and ``C`` in others.

        Raises:
            InputError: when an input does not fit the model.
        """
        return self.program.nested_results(self.program.saturated(self.program.inputs(x)))

    def reference(self, x: Any) -> Any:
        """The model's outputs for the sequences: ``[B, *output]``; raises as a call."""
        return self.program.nested_results(self.program.evaluate_reference(self.program.inputs(x)))

    def predict(
        self,
        x: Any,
        replace_with: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        check: Mode = None,
    ) -> Any:
        """`saturate` or a call in NumPy, in batches, with a progress bar and a check.

        Args:
            x: as for a call.
            replace_with: as for a call; ``None`` for saturation.
            batch_size: sequences per batch; by default at most 32, and 64 MiB of results.
            verbose: 0 for no bar, 1 for a bar, ``"auto"`` for a bar on a terminal.
            check: as for `ismc.compile`; by default the value given there.

        Raises:
            InputError: as a call.
            VerificationError: when the model has another answer for a mutant of the check.
        """
        program = self.program
        inputs = program.inputs(x)
        letters = None if replace_with is None else program.substitution(replace_with)
        results = predicted(
            program, program.first.plan, inputs,
            program.saturated if letters is None else lambda b: program.substituted(b, letters),
            None if letters is None else letters.block,
            batch_size=batch_size, verbose=verbose, check=check,
        )  # fmt: skip
        if letters is not None:
            results = [y[:, :, 0] for y in results]
        return program.nested_results(results)

    def explain(self, length: int | None = None) -> str:
        """The plan, a line per layer: role, form, strategy, width, operations versus naive.

        Raises:
            InputError: when ``length`` is given and is not the length of the sequences.
        """
        if length not in (None, self.input_shape[0]):
            raise InputError(f"The length is {length}, expected {self.input_shape[0]}.")
        return self.program.explain()

    @property
    def sites(self) -> tuple[tuple[int, int], ...]:
        """The mutated ranges ``(start, stop)``, half-open."""
        return self.program.sites

    @property
    def input_shape(self) -> tuple[int, int]:
        """``(L, C)`` of the sequence."""
        return self.program.input_shape

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs, in the order of a flat result."""
        return self.program.output_names

    @property
    def score_name(self) -> str:
        """The full name of the score; empty if results are the model's outputs."""
        return self.program.score_name

    @property
    def checks(self) -> Checks:
        """Whether and how `predict` checks answers, and what the checks found."""
        return self.program.checks


class ModelISM(ISM):
    """In-silico mutagenesis of one model.

    Attributes:
        program: the plan, the source and the programs.
    """

    def _title(self) -> str:
        return repr(self.plan.model)

    def _suffix(self) -> str:
        return f", plan {self.plan.digest}"

    @property
    def plan(self) -> Plan:
        """The compiler's plan: what is computed for each layer, and how."""
        return self.program.plan

    @property
    def source(self) -> str:
        """The source text of the generated program."""
        return self.program.source

    @property
    def tally(self) -> Counter[str]:
        """Under ``"recomputed"``, the mutants that the model recomputed as digits were lost."""
        return self.program.tally
