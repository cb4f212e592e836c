"""The rates of this machine, beside those that plans are made with by default."""

from __future__ import annotations

from dataclasses import asdict

from ismc.artifacts.cache.measurements import directory
from ismc.plan.cost import Rates
from ismc.plan.explain import count
from ismc.tuning.calibration import calibrate, machine

UNITS = {
    "gemm": "operations/s of matrix products",
    "convolution": "operations/s of the library's convolution, short differences",
    "full": "operations/s of the library's convolution, whole sequences",
    "elements": "elements/s of functions of single elements",
    "bytes": "bytes/s beyond the cache",
    "cache": "bytes of the cache",
}


def table() -> str:
    """What is measured now, one line per rate; it is remembered for `autotune`."""
    found, default = asdict(calibrate(cached=False)), asdict(Rates())
    key = machine()
    devices = ", ".join(key["devices"]) or f"{key['cores']} cores"
    lines = [f"{key['processor']}, {devices}, TensorFlow {key['tensorflow']}", ""]
    for name, unit in UNITS.items():
        here, usual = count(int(found[name])), count(int(default[name]))
        lines.append(f"{name:<12}{here:>7}   default {usual:>6}   {unit}")
    return "\n".join([*lines, "", f"remembered in {directory()}"])
