"""What a type checker infers for the main calls; pyright checks this file, nothing runs it."""

from pathlib import Path
from typing import Any, assert_type

import ismc
from ismc.ism.ensemble import Ensemble
from ismc.ism.profile import Profile
from ismc.ism.program import CompiledProgram
from ismc.ism.scanner import Scanner
from ismc.plan.plan import Plan


def compiled(model: Any) -> Scanner:
    """Compiling a model."""
    ism = ismc.compile(model, sites=[3, (5, 7)], score="l2")
    assert_type(ism, ismc.CompiledISM | Any)
    if isinstance(ism, ismc.CompiledISM):
        assert_type(ism.plan, Plan)
        assert_type(ism.program, CompiledProgram)
        assert_type(ism.profile(), Profile)
        assert_type(ism.sites, tuple[tuple[int, int], ...])
    return ism


def open_length(model: Any) -> Scanner:
    """A model of open length."""
    ism = ismc.compile(model)
    assert isinstance(ism, ismc.OpenISM)
    assert_type(ism.at([]), ismc.CompiledISM)
    return ism


def loaded(path: Path) -> Scanner:
    """Loading an artifact."""
    ism = ismc.load(path, runtime="jax")
    assert_type(ism, ismc.LoadedISM)
    assert_type(ism.with_weights({}), ismc.LoadedISM)
    return ism


def averaged(models: list[Any]) -> Scanner:
    """An ensemble."""
    ism = ismc.ensemble(models, shifts=(0, 1))
    assert_type(ism, Ensemble)
    return ism


def naive(model: Any) -> Scanner:
    """The naive program."""
    return ismc.NaiveISM(model)
