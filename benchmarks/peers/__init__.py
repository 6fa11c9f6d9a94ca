"""The engines that are compared, each behind the same few methods."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.queries import Question

HITS = 20
FACETS = ("topic", "publisher")
FACET_SIZE = 10


@dataclass(frozen=True, slots=True)
class Built:
    """From the file to an index that can be searched."""

    seconds: float
    bytes: int
    note: str = ""


class Peer(Protocol):
    """One engine. ``patience``: how many queries of a class it is asked; ``max_stories``: of how many stories."""

    name: str
    patience: int
    max_stories: int

    def build(self, file: Path, directory: Path) -> Built:
        """Index the stories of ``file`` in the empty ``directory`` and open the index."""
        ...

    def search(self, question: Question, *, facets: bool, documents: bool, highlights: bool) -> int:
        """The exact total; the best 20 hits are found. The text of the query is read in the call.

        With ``facets`` topic and publisher are counted, ten values each; with ``documents`` the 20 stories are
        read from the index; with ``highlights`` they are read and marked.
        """
        ...

    def close(self) -> None: ...


def bytes_under(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
