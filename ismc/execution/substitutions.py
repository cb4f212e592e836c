"""What is written at the sites: blocks, or turns of the letter that is there."""

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
    """``A`` substitutions: ``window @ rotation + block`` is written.

    Attributes:
        rotation: ``[A, C, C]`` permutations of the letter that is there, or zeros.
        block: ``[A, width, C]``.
        saturates: whether they are all the letters there are.
        alternatives_only: whether they are the letters beside the one that is there.
    """

    rotation: Array
    block: Array
    saturates: bool = False
    alternatives_only: bool = False

    @property
    def count(self) -> int:
        """``A``."""
        return len(self.rotation)


def one_block(block: Array) -> Substitutions:
    """One block ``[width, C]`` at every site."""
    channels = block.shape[1]
    return Substitutions(np.zeros((1, channels, channels), np.float32), block[None])


def every_letter(inputs: Mapping[str, Array], plan: Plan) -> Substitutions:
    """Turns of the letter that is there if all sites are one-hot, else every letter."""
    *rotations, every = _saturating(plan)
    if rotations and is_one_hot(inputs[plan.sequence][:, plan.starts]):
        return rotations[0]
    return every


def kinds(plan: Plan) -> list[Substitutions]:
    """One of each kind that has a program: turns if there are any, every letter, a block."""
    zeros = np.zeros((plan.width, plan.sequence_shape[1]), np.float32)
    return [*_saturating(plan), one_block(zeros)]


def _saturating(plan: Plan) -> list[Substitutions]:
    width, channels = plan.width, plan.sequence_shape[1]
    rotations = [_rotations(channels)] if width == 1 and channels > 1 else []
    return [*rotations, _every(channels, width)]


def every_block(plan: Plan) -> Array:
    """Every letter over the widest site, ``[C, width, C]``."""
    return _every(plan.sequence_shape[1], plan.width).block


@cache
def _rotations(channels: int) -> Substitutions:
    eye = np.eye(channels, dtype=np.float32)
    turns = np.stack([np.roll(eye, j, 1) for j in range(1, channels)])
    nothing = np.zeros((channels - 1, 1, channels), np.float32)
    return Substitutions(turns, nothing, saturates=True, alternatives_only=True)


@cache
def _every(channels: int, width: int) -> Substitutions:
    blocks = np.repeat(np.eye(channels, dtype=np.float32)[:, None], width, 1)
    return Substitutions(
        np.zeros((channels, channels, channels), np.float32), blocks, saturates=True
    )
