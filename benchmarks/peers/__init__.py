"""The compared engines, behind one protocol."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.queries import BenchmarkQuery

HITS = 20
FACETS = ("topic", "publisher")
FACET_SIZE = 10


@dataclass(frozen=True, slots=True)
class BuildResult:
    """Duration of a build, from the input file to an open index, and the size of the index."""

    seconds: float
    bytes: int
    note: str = ""


class Peer(Protocol):
    """One engine. It runs at most ``max_queries`` queries of a class, on at most ``max_stories`` stories."""

    name: str
    max_queries: int
    max_stories: int

    def build(self, file: Path, directory: Path) -> BuildResult:
        """Index the stories of ``file`` in the empty ``directory`` and open the index."""
        ...

    def search(self, query: BenchmarkQuery, *, facets: bool, documents: bool, highlights: bool) -> int:
        """Find the best 20 hits; returns the exact total. Parses the text of the query.

        ``facets``: count topics and publishers, ten values each. ``documents``: read the 20 stories from the index.
        ``highlights``: read and highlight them.
        """
        ...

    def close(self) -> None: ...


def count_bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
