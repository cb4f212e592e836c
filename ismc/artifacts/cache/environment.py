"""What machine code depends on besides the program: versions, processor, devices, switches."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ismc._version import __version__
from ismc.execution.threads import cores

SWITCHES = ("XLA_", "ONEDNN_", "DNNL_", "TF_ENABLE_ONEDNN", "NVIDIA_TF32_OVERRIDE", "TF_CUDNN",
            "TF_DETERMINISTIC", "KERAS_BACKEND")  # fmt: skip
PERSISTENT = "--tf_xla_persistent_cache_"


def environment() -> dict[str, Any]:
    """Versions, processor, devices and switches, as plain data."""
    experimental = tf.config.experimental
    return _fixed() | {
        "switches": _switches(),
        "tf32": experimental.tensor_float_32_execution_enabled(),
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
    }


@cache
def _fixed() -> dict[str, Any]:
    """The part of the environment that is constant within a process."""
    return {
        "versions": {
            "ismc": __version__,
            "keras": _version("keras"),
            "numpy": np.__version__,
            "python": list(sys.version_info[:2]),
            "tensorflow": [tf.__version__, tf.version.GIT_VERSION],
            "build": {key: str(value) for key, value in tf.sysconfig.get_build_info().items()},
        },
        "machine": [platform.system(), platform.machine(), *_processor(), cores()],
        "devices": _devices(),
        "sources": _sources(Path(__file__).parents[2]),
    }


def _version(package: str) -> str:
    """The version of a package, or an empty text: artifacts run without Keras."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _switches() -> dict[str, str]:
    """Environment variables that affect what TensorFlow computes or how it compiles."""
    variables = {key: value for key, value in os.environ.items() if key.startswith(SWITCHES)}
    flags = os.environ.get("TF_XLA_FLAGS", "").split()
    options = [flag for flag in flags if not flag.startswith(PERSISTENT)]
    return variables | ({"TF_XLA_FLAGS": " ".join(options)} if options else {})


def _processor() -> tuple[str, str]:
    """The processor's name, and a digest of its instruction sets."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor(), ""
    lines = [line.partition(":") for line in text.partition("\n\n")[0].splitlines()]
    properties = {key.strip(): value.strip() for key, _, value in lines}
    flags = sorted(set((properties.get("flags") or properties.get("Features") or "").split()))
    parts = ("model name", "vendor_id", "cpu family", "model", "CPU implementer", "CPU part")
    return " ".join(properties.get(part, "") for part in parts), _digest(" ".join(flags).encode())


def _devices() -> list[str]:
    """The kinds of devices, each listed once."""
    kinds = set()
    for device in tf.config.list_physical_devices():
        details: dict[str, Any] = {}
        if device.device_type == "GPU":
            details = tf.config.experimental.get_device_details(device)
        parts = (details.get("device_name", ""), details.get("compute_capability", ""))
        kinds.add(" ".join(map(str, (device.device_type, *parts))))
    return sorted(kinds)


def _sources(folder: Path) -> str:
    """A digest of the package's files: the version does not change when a file is edited."""
    files = [file for kind in ("*.py", "*.jinja") for file in folder.rglob(kind)]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(
            f"{file.relative_to(folder).as_posix()} {_digest(file.read_bytes())}".encode()
        )
    return digest.hexdigest()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
