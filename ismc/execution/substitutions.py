"""The substitutions of a scan: blocks, or rotations of the reference letter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from ismc.execution.inputs import is_one_hot
from ismc.plan.plan import Plan

Array = np.ndarray


@dataclass(frozen=True)
class Substitutions:
    """``A`` substitutions; each writes ``window @ rotation + block``.

    Attributes:
        rotation: ``[A, C, C]``, permutations of the reference letter, or zeros.
        block: ``[A, width, C]``.
        saturates: whether the substitutions cover all letters.
        alternatives_only: whether they omit the reference letter.
    """

    rotation: Array
    block: Array
    saturates: bool = False
    alternatives_only: bool = False

    @property
    def count(self) -> int:
        """The number of substitutions, ``A``."""
        return len(self.rotation)


def one_block(block: Array) -> Substitutions:
    """The substitution of one block, ``[width, C]``, at every site."""
    channels = block.shape[1]
    return Substitutions(np.zeros((1, channels, channels), np.float32), block[None])


def every_letter(inputs: Mapping[str, Array], plan: Plan) -> Substitutions:
    """Rotations of the reference letter if all sites are one-hot, else every letter."""
    *rotations, letters = _saturating(plan)
    if rotations and is_one_hot(inputs[plan.sequence][:, plan.starts]):
        return rotations[0]
    return letters


def kinds(plan: Plan) -> list[Substitutions]:
    """One example of each kind with a program: rotations if possible, every letter, a block."""
    zeros = np.zeros((plan.width, plan.sequence_shape[1]), np.float32)
    return [*_saturating(plan), one_block(zeros)]


def _saturating(plan: Plan) -> list[Substitutions]:
    width, channels = plan.width, plan.sequence_shape[1]
    rotations = [_rotations(channels)] if width == 1 and channels > 1 else []
    return [*rotations, _letters(channels, width)]


def every_block(plan: Plan) -> Array:
    """Every letter, repeated over the widest site: ``[C, width, C]``."""
    return _letters(plan.sequence_shape[1], plan.width).block


@cache
def _rotations(channels: int) -> Substitutions:
    eye = np.eye(channels, dtype=np.float32)
    rotations = np.stack([np.roll(eye, j, 1) for j in range(1, channels)])
    block = np.zeros((channels - 1, 1, channels), np.float32)
    return Substitutions(rotations, block, saturates=True, alternatives_only=True)


@cache
def _letters(channels: int, width: int) -> Substitutions:
    blocks = np.repeat(np.eye(channels, dtype=np.float32)[:, None], width, 1)
    return Substitutions(
        np.zeros((channels, channels, channels), np.float32), blocks, saturates=True
    )
