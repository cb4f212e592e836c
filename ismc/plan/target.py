"""`Target`: the device that a plan is made for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Target:
    """The device that a plan is made for, and how fast it is.

    Costs follow from these numbers alone, so a plan does not depend on the machine that makes it.
    The default numbers are those of a small CPU; `ismc.tuning.calibration.calibrate` measures them.

    Attributes:
        name: what the plan prints, such as ``"cpu"``.
        kind: ``"cpu"`` or ``"gpu"``.
        cores: cores whose caches together hold a tile that runs alone.
        cache: bytes of cache per core.
        memory: bytes that the tiles may take, unless the user says otherwise.
        gemm: operations per second of matrix products.
        convolution: operations per second of the library's convolution of short differences.
        full: operations per second of the library's convolution of whole sequences.
        elements: elements per second of element-wise functions.
        bytes: bytes per second read or written beyond the cache.
        seconds_per_tile: what a tile takes, however small.
        seconds_per_step: what a step of a recurrence takes, however small.
        seconds_per_branch: what a branch takes; on a GPU the host decides it, and the GPU waits.
    """

    name: str = "cpu"
    kind: Literal["cpu", "gpu"] = "cpu"
    cores: int = 4
    cache: float = 4e6
    memory: int = 1 << 30
    gemm: float = 4e11
    convolution: float = 1.4e11
    full: float = 3e11
    elements: float = 4e9
    bytes: float = 1.2e10
    seconds_per_tile: float = 5e-4
    seconds_per_step: float = 1e-5
    seconds_per_branch: float = 0.0

    @classmethod
    def cpu(cls) -> Target:
        """A small CPU, for which plans are made unless another target is given.

        >>> Target.cpu().kind
        'cpu'
        """
        return cls()

    @classmethod
    def gpu(cls) -> Target:
        """A GPU of unknown speed: priced as a small CPU, but no branch is worth its wait."""
        return cls(name="gpu", kind="gpu", seconds_per_branch=1e-5)

    def speed(self, name: str) -> float:
        """Operations per second of products that run in this way; see `ismc.rules.Products`.

        Products by channel are not matrix products. Their factors are measured relative to
        `conv1d` and `dense` on a CPU.
        """
        return {
            "gemm": self.gemm,
            "convolution": self.convolution,
            "whole": self.full,
            "overlap": self.gemm / 2,  # followed by an overlap-add
            "by channel": self.elements * 4,  # fused multiply-adds
            "library by channel": self.elements / 4,  # the library's grouped convolution
            "recurrent": self.gemm / 4,
            "attention": self.gemm / 2,
        }[name]
