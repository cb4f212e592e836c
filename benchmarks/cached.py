"""How long a process takes from `ismc.compile` to its first result: cold, from the cache, loaded.

Each is a process of its own, after imports; the second has other weights than the first.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

Record = dict[str, Any]

MODELS = (
    "basset", "factorized_basset", "deepstarr", "topic_cnn", "attention_pool_net",
)  # fmt: skip
ROUNDS = 1
ROOT = Path(__file__).parent.parent


def measured(model: str, rounds: int = ROUNDS) -> Record:
    """Medians of a few rounds, each with an empty cache at first."""
    found: dict[str, list[Record]] = {"cold": [], "cached": [], "loaded": []}
    for turn in range(rounds):
        with TemporaryDirectory() as folder:
            for i, kind in enumerate(found):
                found[kind].append(_process(kind, model, Path(folder), 10 * turn + min(i, 1)))
    record: Record = {"model": model}
    pairs = zip(found["cached"], found["loaded"], strict=True)
    record["same_bits"] = all(a.pop("bits") == b.pop("bits") for a, b in pairs)
    for kind, runs in found.items():
        keys = [key for key in runs[0] if key != "bits"]
        record[kind] = {key: statistics.median(run[key] for run in runs) for key in keys}
    return record


def _process(kind: str, model: str, folder: Path, seed: int) -> Record:
    """One process; what it prints last is its record."""
    environment = os.environ | {"ISMC_CACHE_DIR": str(folder / "cache"), "ISMC_CACHE": "on"}
    command = [sys.executable, "-m", "benchmarks.cached", kind, model, str(folder), str(seed)]
    done = subprocess.run(  # noqa: S603
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _timed(kind: str, model: str, folder: Path, seed: int) -> Record:
    """Seconds from `ismc.compile` or `ismc.load` to the first result, and what was done for it."""
    import time

    import ismc  # before TensorFlow runs anything
    from benchmarks.architectures import build, sequences
    from ismc.artifacts.cache import cached as kept
    from ismc.artifacts.cache import executables

    net = build(model, {}, seed)
    x, spent = sequences(net), []
    lower, laid = kept.lower, set[str]()
    lay_out = executables.lay_out

    def counted(*args: Any) -> Any:
        spent.append(1)
        return lower(*args)

    def noted(files: Any) -> bool:
        laid.update(files)
        return lay_out(files)

    kept.lower, executables.lay_out = counted, noted
    artifact = folder / "model.ismc"
    begin = time.perf_counter()
    ism: Any = ismc.load(artifact) if kind == "loaded" else ismc.compile(net)
    made = time.perf_counter() - begin
    ys = ism.program.flat(ism.saturate(x))
    answers = [y.numpy() for y in ys]
    first = time.perf_counter() - begin
    begin = time.perf_counter()
    _ = [y.numpy() for y in ism.program.flat(ism.saturate(x))]
    again = time.perf_counter() - begin
    traced, compiled = len(spent), len(executables.executable_names() - laid)
    if kind == "cached":
        ism.save(artifact, verbose=0)
    return {
        "compile": made,
        "first": first,
        "again": again,
        "traced": traced,
        "compiled": compiled,
        "bits": sha256(b"".join(y.tobytes() for y in answers)).hexdigest(),
    }


def markdown(rows: Sequence[Record]) -> str:
    """A table of seconds."""
    alike = all(row["same_bits"] for row in rows)
    lines = [
        f"From the cache and loaded: {'the same bits' if alike else 'NOT the same bits'}.",
        "",
        "| model | cold, s | cached, s | of cold | traced, compiled | loaded, s | a call, s |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cold, cached, loaded = row["cold"], row["cached"], row["loaded"]
        lines.append(
            f"| {row['model']} | {cold['first']:.2f} | {cached['first']:.2f} | "
            f"{cached['first'] / cold['first']:.0%} | {cached['traced']:.0f}, "
            f"{cached['compiled']:.0f} | {loaded['first']:.2f} | {cached['again']:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    kind, model, folder, seed = sys.argv[1:]
    print(json.dumps(_timed(kind, model, Path(folder), int(seed))))
