"""`ismc calibrate`: measures the rates of this machine and compares them with the defaults."""

from __future__ import annotations

from ismc.artifacts.cache.measurements import directory
from ismc.plan.explain import count
from ismc.plan.target import Target
from ismc.tuning.calibration import calibrate, machine

UNITS = {
    "gemm": "operations/s of matrix products",
    "convolution": "operations/s of the library's convolution, short differences",
    "full": "operations/s of the library's convolution, full sequences",
    "elements": "elements/s of elementwise functions",
    "bytes": "bytes/s of main memory",
    "cache": "bytes of the processor's cache",
}


def rates_table() -> str:
    """Measures the rates, saves them for ``autotune`` and returns one line per rate."""
    measured, defaults = calibrate(cached=False), Target.cpu()
    key = machine()
    devices = ", ".join(key["devices"]) or f"{key['cores']} cores"
    lines = [f"{key['processor']}, {devices}, TensorFlow {key['tensorflow']}", ""]
    for name, unit in UNITS.items():
        rate, default = (count(int(getattr(target, name))) for target in (measured, defaults))
        lines.append(f"{name:<12}{rate:>7}   default {default:>6}   {unit}")
    return "\n".join([*lines, "", f"saved in {directory()}"])
