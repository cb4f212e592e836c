"""Artifacts where neither TensorFlow nor Keras is installed: under JAX, against the answers here.

    python -m benchmarks elsewhere

builds the environment that `docs/artifacts.md` describes, saves artifacts and answers of some
models here, and runs this file there: ``python elsewhere.py FOLDER`` needs only ismc, jax and
safetensors.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

Record = dict[str, Any]

MODELS = ("deepstarr", "basset", "attention_pool_net", "topic_cnn")
ROOT = Path(__file__).parent.parent
INSTALLED = ("jax", "safetensors", "tqdm")


def measured(model: str) -> Record:
    """The largest difference over the largest value, for each call of one model."""
    with TemporaryDirectory() as folder:
        _saved(model, Path(folder))
        command = [str(_environment()), str(Path(__file__)), folder]
        done = subprocess.run(  # noqa: S603  (our own file)
            command, cwd=folder, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
    return {"model": model, **json.loads(done.stdout.splitlines()[-1])}


def _saved(model: str, folder: Path) -> None:
    import ismc
    from benchmarks.architectures import build, sequences

    net = build(model, {})
    ism = ismc.compile(net)
    ism.save(folder / "model.ismc", verbose=0)
    x = np.asarray(sequences(net, 2))
    calls = {"saturate": ism.saturate(x), "write": ism(x), "reference": ism.reference(x)}
    arrays: Record = {
        f"{name}.{i}": np.asarray(y)
        for name, ys in calls.items()
        for i, y in enumerate(ism.program.flat(ys))
    }
    savez: Any = np.savez
    savez(folder / "answers.npz", x=x, **arrays)


def _environment() -> Path:
    """The Python of the environment; built once, with ismc as it is now."""
    from benchmarks.environments import ROOT as FOLDER

    python = FOLDER / "jax" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER / "jax")], check=True)  # noqa: S603
    install = [str(python), "-m", "pip", "install", "-q"]
    subprocess.run([*install, *INSTALLED], check=True)  # noqa: S603
    subprocess.run([*install, "--no-deps", "--force-reinstall", str(ROOT)], check=True)  # noqa: S603
    return python


def _compared(folder: Path) -> Record:
    """Under JAX alone."""
    import jax  # pyright: ignore[reportMissingImports]

    import ismc

    present = [name for name in ("tensorflow", "keras", "tf_keras", "networkx") if find_spec(name)]
    if present:
        raise RuntimeError(f"{present} are installed here")
    found = np.load(folder / "answers.npz")
    begin = time.perf_counter()
    ism = ismc.load(folder / "model.ismc", runtime="jax")
    loaded = time.perf_counter() - begin
    x = found["x"]
    calls = {"saturate": ism.saturate(x), "write": ism(x), "reference": ism.reference(x)}
    errors = {}
    for name, ys in calls.items():
        pairs = [(np.asarray(y), found[f"{name}.{i}"]) for i, y in enumerate(ism.program.flat(ys))]
        errors[name] = max(float(np.abs(y - want).max() / np.abs(want).max()) for y, want in pairs)
    return {
        "jax": jax.__version__,
        "device": str(ism.program.runtime),
        "load": loaded,
        "errors": errors,
    }


def markdown(rows: list[Record]) -> str:
    """A table of errors."""
    lines = [
        "| model | runtime | loaded, s | saturate | write | reference |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        errors = " | ".join(
            f"{row['errors'][name]:.0e}" for name in ("saturate", "write", "reference")
        )
        lines.append(f"| {row['model']} | {row['device']} | {row['load']:.1f} | {errors} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(json.dumps(_compared(Path(sys.argv[1]))))
