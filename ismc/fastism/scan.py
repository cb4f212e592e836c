"""`FastISM` and `NaiveISM`, with the arguments, calls and results of fastISM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ismc.errors import VerificationError
from ismc.execution.inputs import named_inputs, replacement
from ismc.fastism.arguments import (
    Ranges,
    check_ranges,
    equals_block,
    flat_outputs,
    nest_inputs,
)
from ismc.fastism.roles import current_names, rules_of_changes
from ismc.rules.base import extra_rules

Array = np.ndarray

REFERENCES = 256


class NaiveISM:
    """In-silico mutagenesis by running the whole model on every mutant, with fastISM's interface.

    Args:
        model: a Keras model.
        seq_input_idx: index of the input to mutate.
        change_ranges: ranges ``(start, end)`` of one width; every position by default.

    Raises:
        InputError: a ``ValueError``; when the ranges differ in width or do not fit the model.
    """

    def __init__(
        self, model: Any, seq_input_idx: int = 0, change_ranges: Ranges | None = None
    ) -> None:
        from ismc.ism.naive import NaiveISM as Oracle

        self.model, self.seq_input_idx = model, seq_input_idx
        sites = check_ranges(change_ranges)
        self.naive = Oracle(model, sites=sites, sequence_input=seq_input_idx)
        self.change_ranges = list(self.naive.sites)

    def __call__(self, inputs: Any, replace_with: Any = 0) -> Any:
        """Writes ``replace_with`` at each range; see `FastISM.__call__`."""
        return _one_or_list(flat_outputs(self.naive(inputs, replace_with)))


class FastISM:
    """In-silico mutagenesis of one model, compiled by ismc, with fastISM's interface.

    ``compiled`` is the underlying `ismc.CompiledISM`, with ``saturate``, ``predict`` and
    ``explain``.

    Args:
        model: a Keras model.
        seq_input_idx: index of the input to mutate.
        change_ranges: ranges ``(start, end)`` of one width; every position by default.
        early_stop_layers: the name of a layer, or a list of names, after which everything is
            recomputed in full.
        test_correctness: whether to compare with the model: a few ranges at once, and a few
            mutants of each call.

    Raises:
        InputError: a ``ValueError``; when an argument does not fit the model.
        VerificationError: when the comparison fails; names the first layer that differs.
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
        with extra_rules(rules_of_changes(current_names())):
            self.compiled = compile_model(
                model,
                sites=check_ranges(change_ranges),
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
            ``model.outputs``. Where the sequence already equals the replacement, the result is
            bit-identical to the model's output for at most 256 sequences at a time.

        Raises:
            InputError: a ``ValueError``; when an input or the replacement does not fit the model.
        """
        signature, names = self.compiled.plan.signature, self.compiled.program.model.inputs
        block = replacement(replace_with, signature)
        arrays = named_inputs(inputs, names, signature)
        outputs = flat_outputs(self.compiled.predict(inputs, block, verbose=0))
        same = equals_block(arrays[signature.sequence], self.change_ranges, block)
        for i in range(0, len(same), REFERENCES):
            part = slice(i, i + REFERENCES)
            if not same[part].any():
                continue
            nest = nest_inputs({name: value[part] for name, value in arrays.items()}, names)
            rows = np.nonzero(same[part])[0]
            for y, reference in zip(
                outputs, flat_outputs(self.compiled.program.naive.reference(nest)), strict=True
            ):
                y[part][same[part]] = reference[rows]
        return _one_or_list(outputs)

    def test_correctness(
        self, batch_size: int = 10, replace_with: Any = 0, atol: float = 1e-6
    ) -> bool:
        """Compares every range with the naive program, on random sequences.

        A value may differ by ``atol``, or by float32 rounding: ``1e-4`` of itself plus ``1e-5``
        of the output's range.

        Args:
            batch_size: the number of random one-hot sequences; other inputs are normal random
                numbers.
            replace_with: as for a call.
            atol: a difference that is allowed everywhere.

        Returns:
            True.

        Raises:
            VerificationError: when a value differs by more; names the worst range.
        """
        from ismc.execution.inputs import random_inputs
        from ismc.ism.checking.tolerance import exceeds

        rng = np.random.default_rng(0)
        arrays = random_inputs(self.compiled.plan.signature, batch_size, rng)
        x = nest_inputs(arrays, self.compiled.program.model.inputs)
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
                    "differs; check its class name in the sets of fast_ism_utils.",
                )
        return True


def _one_or_list(outputs: list[Array]) -> Any:
    return outputs[0] if len(outputs) == 1 else outputs


def _list(outputs: Any) -> list[Array]:
    return outputs if isinstance(outputs, list) else [outputs]
