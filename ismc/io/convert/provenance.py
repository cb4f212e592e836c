"""The texts and columns in every converted file: origin of the scores, names and coordinates."""

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
        facts: the facts of the store.
        output: the output in the file, unless it has all.
        task: the task in the file, unless it has all.
        contents: what the numbers are, unless they are scores.
    """
    texts = {
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
    return texts | {key: text for key, text in more.items() if text}


def places(store: Store) -> dict[str, Array]:
    """The columns ``names`` and, if records have any, coordinates; ``[N]``, integer or ``str``."""
    columns = {"names": _text(store.names.tolist())}
    if "chrom" in store.group:
        for name in COORDINATES:
            values = store.column(name)
            columns[name] = values if values.dtype.kind == "i" else _text(values.tolist())
    return columns


def regions(columns: dict[str, Array]) -> dict[str, Array]:
    """Names and regions in the layout of BPNet and ChromBPNet."""
    datasets = {"names": in_bytes(columns["names"])}
    if "chrom" in columns:
        datasets["coords_chrom"] = in_bytes(columns["chrom"])
        datasets |= {f"coords_{key}": columns[key] for key in ("start", "end")}
    return datasets


def in_bytes(values: Array) -> Array:
    """Text ``[N]`` as fixed-width UTF-8 bytes, which every reader of HDF5 supports."""
    return np.asarray([str(value).encode() for value in values], np.bytes_)


def _text(values: Sequence[str]) -> Array:
    return np.asarray(values, np.str_)
