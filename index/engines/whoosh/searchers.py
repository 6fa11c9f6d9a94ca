"""Whoosh's searchers, lent to one thread at a time: their files keep a position, so that two threads with one
searcher would read each other's bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from whoosh import query as wq
from whoosh.index import open_dir


class SearcherPool:
    """The searchers of one Whoosh index."""

    def __init__(self, directory: Path) -> None:
        self._index = open_dir(str(directory), readonly=True)
        self._free: SimpleQueue[Any] = SimpleQueue()

    def __len__(self) -> int:
        return int(self._index.doc_count())

    @contextmanager
    def lend(self) -> Iterator[Any]:
        try:
            searcher = self._free.get_nowait()
        except Empty:
            searcher = self._index.searcher()
        try:
            yield searcher
        finally:
            self._free.put(searcher)

    def match(self, query: wq.Query) -> list[tuple[int, float]]:
        """(document number, BM25F score) of every match."""
        with self.lend() as searcher:
            results = searcher.search(query, limit=None)
            return [(number, score) for score, number in results.top_n]

    def find_number(self, ident: str) -> int | None:
        """The document number of an id."""
        with self.lend() as searcher:
            number = searcher.document_number(id=ident)
        return None if number is None else int(number)

    def read_document(self, number: int) -> bytes:
        """The stored JSON of a document."""
        with self.lend() as searcher:
            document: bytes = searcher.stored_fields(number)["document"]
        return document

    def close(self) -> None:
        while True:
            try:
                self._free.get_nowait().close()
            except Empty:
                break
        self._index.close()
