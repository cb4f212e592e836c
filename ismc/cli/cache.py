"""`ismc cache`: lists, checks and clears the program cache."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

import typer

from ismc.artifacts.cache.store import ProgramStore
from ismc.cli.reporting import reporting

app = typer.Typer(
    name="cache", help="List, check and clear the cache of compiled programs.", no_args_is_help=True
)

Key = Annotated[str, typer.Argument(metavar="KEY", help="The key of an entry, or its beginning.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
KEY_DIGITS = 12


@app.command("list")
def list_entries() -> None:
    """Print the entries of the cache, the most recently used first."""
    with reporting():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        store = ProgramStore()
        entries = store.entries()
        table = Table("key", "size", "used", "created", "model", "versions")
        for entry in entries:
            versions = ", ".join(f"{name} {value}" for name, value in entry.versions.items())
            times = _time(entry.used), _time(entry.created)
            cells = (entry.key[:KEY_DIGITS], _size(entry.size), *times, entry.model, versions)
            table.add_row(*(Text(cell) for cell in cells))
        if entries:
            Console().print(table)
        total = _size(sum(entry.size for entry in entries))
        print(f"{len(entries)} entries, {total} of {_size(store.limit)}, in {store.directory}")


@app.command()
def show(key: Key) -> None:
    """Print the manifest of an entry, and the sizes of its parts."""
    with reporting():
        entry = ProgramStore().show(key)
        print(json.dumps(entry.manifest, indent=2, sort_keys=True))
        for name, text in entry.texts.items():
            print(f"{name}: text, {len(text.splitlines())} lines")
        for name, data in entry.blobs.items():
            print(f"{name}: {len(data)} bytes")
        for name, array in entry.arrays.items():
            print(f"{name}: {array.dtype} {list(array.shape)}")


@app.command()
def clear(yes: Yes = False) -> None:
    """Remove all entries; programs are compiled again when needed."""
    with reporting():
        store = ProgramStore()
        if not yes:
            typer.confirm(f"Remove all compiled programs in {store.directory}?", abort=True)
        print(f"removed {store.clear()} entries from {store.directory}")


@app.command()
def verify() -> None:
    """Check all entries; the exit code is 1 if one is damaged."""
    with reporting():
        store = ProgramStore()
        problems = store.verify()
        for problem in problems:
            print(f"{problem.kind}: {problem.path.name}: {problem.reason}")
        damaged = sum(problem.kind == "damaged" for problem in problems)
        print(f"{len(store.entries())} entries intact, {damaged} damaged, in {store.directory}")
        if damaged:
            raise typer.Exit(1)


def _size(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
