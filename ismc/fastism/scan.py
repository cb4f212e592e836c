"""`FastISM` and `NaiveISM` with the arguments, calls and results of fastISM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ismc.errors import VerificationError
from ismc.execution.inputs import named_inputs, replacement
from ismc.fastism.arguments import (
    Ranges,
    equally_wide,
    nested,
    results,
    unchanged,
)
from ismc.fastism.roles import changed, current
from ismc.rules.base import extra_rules

Array = np.ndarray

REFERENCES = 256


class NaiveISM:
    """In-silico mutagenesis by running the whole model on every mutant, as fastISM calls it.

    Args:
        model: a Keras model.
        seq_input_idx: index of the input that is mutated.
        change_ranges: ranges ``(start, end)`` of one width; every position by default.

    Raises:
        InputError: a ``ValueError``, when the ranges differ in width or do not fit the model.
    """

    def __init__(
        self, model: Any, seq_input_idx: int = 0, change_ranges: Ranges | None = None
    ) -> None:
        from ismc.ism.naive import NaiveISM as Oracle

        self.model, self.seq_input_idx = model, seq_input_idx
        sites = equally_wide(change_ranges)
        self.naive = Oracle(model, sites=sites, sequence_input=seq_input_idx)
        self.change_ranges = list(self.naive.sites)

    def __call__(self, inputs: Any, replace_with: Any = 0) -> Any:
        """Writes ``replace_with`` at each range; see `FastISM.__call__`."""
        return _one_or_list(results(self.naive(inputs, replace_with)))


class FastISM:
    """In-silico mutagenesis of one model, compiled by ismc, as fastISM calls it.

    ``compiled`` is the `ismc.CompiledISM` beneath, with ``saturate``, ``predict`` and ``explain``.

    Args:
        model: a Keras model.
        seq_input_idx: index of the input that is mutated.
        change_ranges: ranges ``(start, end)`` of one width; every position by default.
        early_stop_layers: a layer's name, or a list of names, after which everything is
            recomputed in full.
        test_correctness: compare with the naive program: at a few ranges now, and a few mutants
            of each call.

    Raises:
        InputError: a ``ValueError``, when an argument does not fit the model.
        VerificationError: when the test fails; names the first layer that differs.
    """

    def __init__(
        self,
        model: Any,
        seq_input_idx: int = 0,
        change_ranges: Ranges | None = None,
        early_stop_layers: str | Sequence[str] | None = None,
        test_correctness: bool = True,
    ) -> None:
        from ismc.api import compile as compile_model

        self.model, self.seq_input_idx = model, seq_input_idx
        with extra_rules(changed(current())):
            self.compiled = compile_model(
                model,
                sites=equally_wide(change_ranges),
                sequence_input=seq_input_idx,
                stop_at=early_stop_layers or (),
                verify=test_correctness,
                check=test_correctness,
            )
        self.change_ranges = list(self.compiled.sites)

    def __call__(self, inputs: Any, replace_with: Any = 0) -> Any:
        """Writes ``replace_with`` at each range.

        Args:
            inputs: an array ``[B, L, C]``, or a list of the model's inputs.
            replace_with: a number, a letter ``[C]``, or a block ``[width, C]``.

        Returns:
            NumPy ``[B, S, *output]``; a list of them for several outputs, in the order of
            ``model.outputs``. Where the sequence already holds the replacement, the model's own
            output, to the bit, of at most 256 sequences at a time.

        Raises:
            InputError: a ``ValueError``, when an input or the replacement does not fit.
        """
        signature, names = self.compiled.plan.signature, self.compiled.model.inputs
        block = replacement(replace_with, signature)
        arrays = named_inputs(inputs, names, signature)
        found = results(self.compiled.predict(inputs, block, verbose=0))
        same = unchanged(arrays[signature.sequence], self.change_ranges, block)
        for i in range(0, len(same), REFERENCES):
            part = slice(i, i + REFERENCES)
            if not same[part].any():
                continue
            nest = nested({name: value[part] for name, value in arrays.items()}, names)
            rows = np.nonzero(same[part])[0]
            for y, own in zip(found, results(self.compiled.naive.reference(nest)), strict=True):
                y[part][same[part]] = own[rows]
        return _one_or_list(found)

    def test_correctness(
        self, batch_size: int = 10, replace_with: Any = 0, atol: float = 1e-6
    ) -> bool:
        """Compares every range with the naive program, on random sequences.

        A value may differ by ``atol``, or by float32 rounding: ``1e-4`` of itself plus ``1e-5``
        of the output's range.

        Args:
            batch_size: random one-hot sequences; other inputs are normal random numbers.
            replace_with: what is written.
            atol: the difference that is allowed anywhere.

        Returns:
            True.

        Raises:
            VerificationError: when a value differs by more; names the worst.
        """
        from ismc.execution.inputs import random_inputs
        from ismc.ism.checking.tolerance import exceeds

        rng = np.random.default_rng(0)
        arrays = random_inputs(self.compiled.plan.signature, batch_size, rng)
        x = nested(arrays, self.compiled.model.inputs)
        naive = NaiveISM(self.model, self.seq_input_idx, self.change_ranges)
        pairs = zip(_list(self(x, replace_with)), _list(naive(x, replace_with)), strict=True)
        for i, (got, want) in enumerate(pairs):
            close = np.abs(got - want) <= atol
            worst = exceeds(np.where(close, want, got), want)
            if worst is not None:
                raise VerificationError(
                    f"FastISM gives {got[worst]:.6g} for output {i} at the range "
                    f"{self.change_ranges[worst[1]]}, where the model gives {want[worst]:.6g}.",
                    hint="FastISM(model, test_correctness=True) names the first layer that "
                    "differs; look for it in the sets of fast_ism_utils.",
                )
        return True


def _one_or_list(found: list[Array]) -> Any:
    return found[0] if len(found) == 1 else found


def _list(found: Any) -> list[Array]:
    return found if isinstance(found, list) else [found]
