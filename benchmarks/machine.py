"""What the numbers were measured on."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from benchmarks.sides.serving import cores

CPU = Path("/proc/cpuinfo")


def machine() -> dict[str, Any]:
    """The processor, its cores, the system and the Python."""
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": cores(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    if CPU.exists():
        for line in CPU.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
