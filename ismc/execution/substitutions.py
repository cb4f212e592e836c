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
class Letters:
    """``A`` substitutions: ``window @ turn + block`` is written.

    Attributes:
        turn: ``[A, C, C]`` permutations of the letter that is there, or zeros.
        block: ``[A, width, C]``.
        saturates: whether they are all the letters there are.
        turned: whether they are the letters beside the one that is there.
    """

    turn: Array
    block: Array
    saturates: bool = False
    turned: bool = False

    @property
    def count(self) -> int:
        """``A``."""
        return len(self.turn)


def written(block: Array) -> Letters:
    """One block ``[width, C]`` at every site."""
    channels = block.shape[1]
    return Letters(np.zeros((1, channels, channels), np.float32), block[None])


def every_letter(inputs: Mapping[str, Array], plan: Plan) -> Letters:
    """Turns of the letter that is there if all sites are one-hot, else every letter."""
    *turned, every = _saturating(plan)
    if turned and is_one_hot(inputs[plan.sequence][:, plan.starts]):
        return turned[0]
    return every


def kinds(plan: Plan) -> list[Letters]:
    """One of each kind that has a program: turns if there are any, every letter, a block."""
    zeros = np.zeros((plan.width, plan.sequence_shape[1]), np.float32)
    return [*_saturating(plan), written(zeros)]


def _saturating(plan: Plan) -> list[Letters]:
    width, channels = plan.width, plan.sequence_shape[1]
    turned = [_turned(channels)] if width == 1 and channels > 1 else []
    return [*turned, _every(channels, width)]


def every_block(plan: Plan) -> Array:
    """Every letter over the widest site, ``[C, width, C]``."""
    return _every(plan.sequence_shape[1], plan.width).block


@cache
def _turned(channels: int) -> Letters:
    eye = np.eye(channels, dtype=np.float32)
    turns = np.stack([np.roll(eye, j, 1) for j in range(1, channels)])
    nothing = np.zeros((channels - 1, 1, channels), np.float32)
    return Letters(turns, nothing, saturates=True, turned=True)


@cache
def _every(channels: int, width: int) -> Letters:
    blocks = np.repeat(np.eye(channels, dtype=np.float32)[:, None], width, 1)
    return Letters(np.zeros((channels, channels, channels), np.float32), blocks, saturates=True)
