"""The environments of the peers: built by one command, found by every other."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

from benchmarks.errors import BenchmarkError

ROOT = Path(__file__).parent / ".environments"
STAMP = "requirements.json"
ENVIRONMENTS = {
    "fastism": ("fastism==0.5.1", "tensorflow-cpu>=2.16", "tf-keras>=2.16"),
    "torch": ("torch==2.13.0", "yuzu-ism==0.0.1", "tangermeme==1.6.0"),
}
SIDES = {
    "ismc": ("", "benchmarks.sides.ours"),
    "naive": ("", "benchmarks.sides.naive"),
    "fastism": ("fastism", "benchmarks.sides.fastism"),
    "yuzu": ("torch", "benchmarks.sides.yuzu"),
    "tangermeme": ("torch", "benchmarks.sides.tangermeme"),
}
PEERS = ("fastism", "yuzu", "tangermeme")
VERSIONS = """
import importlib.metadata, sys
print(*(f"{name} {importlib.metadata.version(name)}" for name in sys.argv[1:]), sep=", ")
"""


def python_of(side: str, root: Path = ROOT) -> str:
    """The Python that runs a side.

    Raises:
        BenchmarkError: when its environment is not there, or not finished.
    """
    name = SIDES[side][0]
    if not name:
        return sys.executable
    if not _built(root / name, ENVIRONMENTS[name]):
        raise BenchmarkError(
            f"The environment {name!r} of {side} is not built, expected it in "
            f"{_short(root / name)}.",
            hint="python -m benchmarks setup",
        )
    return str(_python(root / name))


def setup(say: Callable[[str], None], root: Path = ROOT) -> None:
    """Builds what is not there yet, and says the versions of what is.

    Raises:
        BenchmarkError: when pip fails; its own message is on stderr.
    """
    for name, wanted in ENVIRONMENTS.items():
        folder = root / name
        if not _built(folder, wanted):
            say(f"{name}: building, from {', '.join(wanted)}")
            _build(folder, wanted)
        names = [_name(requirement) for requirement in wanted]
        found = subprocess.run(  # noqa: S603  (our own environment)
            [_python(folder), "-c", VERSIONS, *names], check=True, capture_output=True, text=True
        )
        say(f"{name}: {found.stdout.strip()}")


def _build(folder: Path, wanted: tuple[str, ...]) -> None:
    venv.create(folder, with_pip=True)
    command = [str(_python(folder)), "-m", "pip", "install", "--quiet", *wanted]
    if subprocess.run(command, check=False, cwd=folder).returncode:  # noqa: S603  (as above)
        raise BenchmarkError(
            f"The environment {folder.name!r} could not be built from {', '.join(wanted)}.",
            hint="See what pip says above; the command may be run again.",
        )
    (folder / STAMP).write_text(json.dumps(wanted))


def _built(folder: Path, wanted: tuple[str, ...]) -> bool:
    stamp = folder / STAMP
    return stamp.exists() and json.loads(stamp.read_text()) == list(wanted)


def _python(folder: Path) -> Path:
    windows = folder / "Scripts" / "python.exe"
    return windows if windows.exists() else folder / "bin" / "python"


def _name(requirement: str) -> str:
    """The distribution's name.

    >>> _name("torch==2.13.0"), _name("tf-keras>=2.16")
    ('torch', 'tf-keras')
    """
    return requirement.split("=")[0].rstrip(">")


def _short(folder: Path) -> str:
    return str(Path(*folder.parts[-3:]))
