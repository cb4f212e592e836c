"""The forms of a convolution of differences, one per module."""

from __future__ import annotations

from importlib import import_module
from inspect import isfunction
from pkgutil import iter_modules

from ismc.plan.cost import Cost
from ismc.plan.target import Target
from ismc.strategies.base import Convolution, Strategy

_MODULES = [
    import_module(f"{__name__}.{found.name}")
    for found in iter_modules(__path__)
    if found.name != "base"
]

STRATEGIES: dict[str, Strategy] = {kind.name: kind() for kind in Strategy.__subclasses__()}
"""Every strategy by its name."""

FUNCTIONS: dict[str, str] = {
    name: module.__name__
    for module in _MODULES
    for name, value in vars(module).items()
    if isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
}
"""The module of each array function, by its name."""


def costs(conv: Convolution, target: Target) -> dict[str, Cost]:
    """The strategies that compute a convolution on a target, with what each costs."""
    return {
        name: strategy.cost(conv, target)
        for name, strategy in STRATEGIES.items()
        if strategy.available(conv, target)
    }


__all__ = ["FUNCTIONS", "STRATEGIES", "Convolution", "Strategy", "costs"]
