"""What the array functions of `ismc.runtime` take."""

from __future__ import annotations

from functools import cache
from inspect import signature

import ismc.runtime


@cache
def takes(name: str, parameter: str) -> bool:
    """Whether the array function of this name has a parameter.

    >>> takes("max_pool1d", "one_tile"), takes("max_pool1d", "products"), takes("+", "products")
    (True, False, False)
    """
    function = getattr(ismc.runtime, name, None)
    return function is not None and parameter in signature(function).parameters
