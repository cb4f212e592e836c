"""Options of the test run."""

from __future__ import annotations

import os
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--dags N`` sets how many random models are compared with the oracle."""
    parser.addoption("--dags", type=int, default=500, help="random models to compare")
    parser.addoption("--update", action="store_true", help="write the goldens anew")
    parser.addoption("--first-dag", type=int, default=0, help="seed of the first random model")


@pytest.fixture(autouse=True)
def _fresh_keras() -> Iterator[None]:
    """Frees the models of one test before the next."""
    yield
    keras.backend.clear_session()
