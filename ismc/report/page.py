"""The page: a self-contained HTML file, written one sequence at a time as the store is read."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from ismc.errors import ArtifactError
from ismc.io.extras import extras
from ismc.io.stores.facts import LETTERS
from ismc.io.stores.store import Store
from ismc.io.targets import atomic_write
from ismc.report.entries import LEVELS, letters_of, pack_entry, same_as
from ismc.report.strongest import MAX_PEAKS, MIN_DISTANCE, Strongest, peaks
from ismc.report.tracks import Track

SCRIPTS = ("data.js", "glyphs.js", "columns.js", "figure.js", "tables.js", "page.js")

Array = np.ndarray


@dataclass(frozen=True)
class Entry:
    """One sequence of the page.

    Attributes:
        number: the index of the record, from 0.
        data: the encoded sequence, see `ismc.report.entries`.
    """

    number: int
    data: Markup


@dataclass
class Page:
    """The values that the template prints; ``index`` is complete once ``entries`` is exhausted.

    Attributes:
        store: a complete store.
        tracks: the tracks to show.
        note: a sentence that names the tracks if some are omitted, else ``""``.
        tops: the largest absolute score of each track, for each sequence.
        predictions: the predictions of each track, for each sequence.
    """

    store: Store
    tracks: Sequence[Track]
    note: str
    tops: list[list[float]] = field(default_factory=list)
    predictions: list[list[list[float | None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.strongest = [Strongest() for _ in self.tracks]

    @property
    def title(self) -> str:
        """The title of the page."""
        return f"{self.store.facts.score} of {self.store.facts.model}"

    @property
    def style(self) -> Markup:
        """The style sheet."""
        return Markup(_static("report.css"))  # noqa: S704

    @property
    def scripts(self) -> Sequence[Markup]:
        """Plotly, then the page's own scripts."""
        with extras():
            from plotly.offline import get_plotlyjs
        scripts = "\n".join(_static(name) for name in SCRIPTS)
        texts = (get_plotlyjs().replace("\r\n", "\n"), f'"use strict";\n{scripts}')
        return [Markup(text) for text in texts]  # noqa: S704

    @property
    def policy(self) -> str:
        """The Content-Security-Policy: only the page's own scripts run, and nothing is loaded."""
        digests = (hashlib.sha256(text.encode()).digest() for text in self.scripts)
        hashes = " ".join(f"'sha256-{base64.b64encode(d).decode('ascii')}'" for d in digests)
        return (
            f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
            "img-src data: blob:"
        )

    @property
    def provenance(self) -> Sequence[dict[str, str]]:
        """Rows of a name and a text that describe the scores and their origin."""
        facts = self.store.facts
        rows = {
            "model": facts.model,
            "model digest": facts.model_digest,
            "score": facts.score,
            "formula": facts.formula,
            "records": f"{facts.count:,} of {facts.length:,} letters, {len(facts.sites):,} sites",
            "source": facts.source,
            "source digest": facts.source_digest,
            "genome": facts.genome,
            "versions": ", ".join(f"{name} {text}" for name, text in facts.versions.items()),
            "precision": (
                "scores are 16-bit integers, scaled to the largest absolute score of a sequence; "
                f"errors are at most 1/{2 * LEVELS} of it"
            ),
        }
        return [{"name": name, "text": text} for name, text in rows.items() if text]

    @property
    def entries(self) -> Iterator[Entry]:
        """The sequences; only one block of the store is in memory at a time.

        Raises:
            ArtifactError: when the store cannot be read.
        """
        facts, sites = self.store.facts, self.store.sites
        middles = (sites[:, 0] + sites[:, 1] - 1) / 2
        first, last = int(sites[:, 0].min()), int(sites[:, 1].max())
        for block in range(facts.blocks):
            rows = facts.rows(block)
            one_hot, scores, references = self._read(rows)
            for i, number in enumerate(range(rows.start, rows.stop)):
                letters, same = letters_of(one_hot[i]), same_as(one_hot[i], sites)
                track_scores = [t.of(scores[t.output.name][i]) for t in self.tracks]
                best = [peaks(values, same, middles) for values in track_scores]
                data, tops = pack_entry(letters[first:last], track_scores, best)
                self.tops.append(tops)
                predictions = [t.predictions(references[t.output.name][i]) for t in self.tracks]
                self.predictions.append([[_number(v) for v in values] for values in predictions])
                for strongest, values, pairs in zip(
                    self.strongest, track_scores, best, strict=True
                ):
                    for site, letter in pairs:
                        change = _change(letters, sites[site], letter)
                        strongest.add(number, site, change, float(values[site, letter]))
                yield Entry(number, Markup(data))  # noqa: S704

    @property
    def index(self) -> Markup:
        """The metadata of all sequences as JSON, with ``<`` escaped so that no tag can end it."""
        store, coordinates = self.store, self.store.coordinates
        columns = None
        if coordinates is not None:
            columns = {"chrom": list(coordinates.chrom), "start": coordinates.start.tolist()}
        index = {
            "score": store.facts.score,
            "signed": store.facts.signed,
            "length": store.facts.length,
            "sites": store.sites.tolist(),
            "tracks": [track.label for track in self.tracks],
            "names": list(store.names),
            "places": columns,
            "tops": self.tops,
            "predictions": self.predictions,
            "strongest": [strongest.rows() for strongest in self.strongest],
            "levels": LEVELS,
            "peaks": MAX_PEAKS,
            "apart": MIN_DISTANCE,
        }
        text = json.dumps(index, allow_nan=False, separators=(",", ":"))
        return Markup(text.replace("<", "\\u003c"))  # noqa: S704

    def _read(self, rows: slice) -> tuple[Array, dict[str, Array], dict[str, Array]]:
        """The one-hot letters of records, and by output their scores and reference outputs.

        Raises:
            ArtifactError: when the store cannot be read.
        """
        store, names = self.store, {track.output.name for track in self.tracks}
        try:
            return (
                store.one_hot[rows],
                {name: store.scores(name)[rows] for name in names},
                {name: store.reference(name)[rows] for name in names},
            )
        except (KeyError, OSError, RuntimeError, ValueError) as error:
            raise ArtifactError(
                f"The records {rows.start} to {rows.stop - 1} of {store.path} cannot be read "
                f"({error}).",
                hint="The store is damaged; write it again with ismc run.",
            ) from error


def write_page(store: Store, target: Path, tracks: Sequence[Track], note: str = "") -> None:
    """Writes the page of a complete store, atomically.

    Raises:
        ArtifactError: when the store cannot be read or the page cannot be written.
    """
    template = _environment().get_template("page.html.jinja")
    with atomic_write(target) as part, part.open("x", encoding="utf-8", newline="\n") as file:
        for text in template.generate(page=Page(store, tracks, note)):
            file.write(text)


def _environment() -> jinja2.Environment:
    """The template environment, which escapes HTML."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("ismc.report"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=True,
    )


def _static(name: str) -> str:
    """The text of a script or style sheet."""
    return (files("ismc.report") / "static" / name).read_text(encoding="utf-8")


def _change(letters: Array, site: Array, letter: int) -> str:
    """The substitution of a site by a letter as text, ``C>A``."""
    start, stop = site
    reference = "".join((LETTERS + "N")[i] for i in letters[start:stop])
    return f"{reference}>{LETTERS[letter] * (stop - start)}"


def _number(value: float) -> Any:
    """A number of six digits, or ``None`` if it is not finite."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
