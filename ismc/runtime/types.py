"""Type aliases of the runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Tensor = Any
"""A `tf.Tensor` of static shape; TensorFlow's own types let every axis be unknown."""

Weights = Mapping[str, Tensor]
"""The weights of one layer, by name."""
