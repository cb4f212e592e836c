"""What imports what in ismc: ``python -m tests.support.imports`` prints the cycles.

Imports inside functions and those for type checkers count like any other.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import networkx as nx

ROOT = Path(__file__).parents[2] / "ismc"


@cache
def modules() -> dict[str, Path]:
    """The files of ismc by the name of the module, such as ``ismc.ir.graph``."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, *, anywhere: bool = True) -> list[tuple[str, int]]:
    """The modules that a file imports, each with its line.

    Args:
        path: the file.
        anywhere: whether imports inside functions and for type checkers count, or those alone that
            run when the file is imported.
    """
    known, found, tree = modules(), [], ast.parse(path.read_text())
    for node in ast.walk(tree) if anywhere else tree.body:
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            found += [(name if name in known else node.module, node.lineno) for name in names]
    return found


def graph() -> nx.DiGraph:
    """An edge from each module of ismc to each that it imports."""
    known = modules()
    found = nx.DiGraph()
    found.add_nodes_from(known)
    for name, path in known.items():
        found.add_edges_from((name, other) for other, _ in imported(path) if other in known)
    return found


def cycles(found: nx.DiGraph) -> list[list[str]]:
    """The groups of modules that import one another."""
    knots = nx.strongly_connected_components(found)
    loops = [[name] for name in found if found.has_edge(name, name)]
    return loops + [sorted(knot) for knot in knots if len(knot) > 1]


def main() -> None:
    """Prints the cycles and how many there are."""
    found = graph()
    for knot in cycles(found):
        print(" ".join(knot))
    sizes = f"{found.number_of_nodes()} modules, {found.number_of_edges()} imports"
    print(f"{sizes}, {len(cycles(found))} cycles")


if __name__ == "__main__":
    main()
