"""Where scores come from and which records they are of, as it travels with every file."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from ismc.io.stores.facts import Facts
from ismc.io.stores.store import COORDINATES, Store

Array = np.ndarray


def provenance(
    facts: Facts, output: str = "", task: str = "", contents: str = ""
) -> dict[str, str]:
    """The facts of a store as texts by name; versions are JSON.

    Args:
        facts: of the store.
        output: the output that is in the file, if not all.
        task: the task of it, if not all.
        contents: what the numbers are, if not scores.
    """
    found = {
        "score": facts.score,
        "formula": facts.formula,
        "model": facts.model,
        "model_digest": facts.model_digest,
        "plan": facts.plan,
        "source": facts.source,
        "source_digest": facts.source_digest,
        "genome": facts.genome,
        "letters": facts.letters,
        "ismc_version": facts.versions.get("ismc", ""),
        "versions": json.dumps(dict(facts.versions), sort_keys=True),
    }
    more = {"output": output, "task": task, "contents": contents}
    return found | {key: text for key, text in more.items() if text}


def places(store: Store) -> dict[str, Array]:
    """Columns ``[N]``: ``names``, and coordinates where records have them; numbers or ``str``."""
    found = {"names": _text(store.names.tolist())}
    if "chrom" in store.group:
        for name in COORDINATES:
            values = store.column(name)
            found[name] = values if values.dtype.kind == "i" else _text(values.tolist())
    return found


def regions(columns: dict[str, Array]) -> dict[str, Array]:
    """Names and regions as the layouts of BPNet and ChromBPNet have them."""
    found = {"names": in_bytes(columns["names"])}
    if "chrom" in columns:
        found["coords_chrom"] = in_bytes(columns["chrom"])
        found |= {f"coords_{key}": columns[key] for key in ("start", "end")}
    return found


def in_bytes(values: Array) -> Array:
    """Text ``[N]`` as UTF-8 in bytes of one width, which every reader of HDF5 knows."""
    return np.asarray([str(value).encode() for value in values], np.bytes_)


def _text(values: Sequence[str]) -> Array:
    return np.asarray(values, np.str_)
