"""Whoosh's searchers, lent to one thread at a time: their files keep a position, so that two threads with one
searcher would read each other's bytes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from whoosh.index import EmptyIndexError, open_dir

from index.analysis.schema import term_of
from index.engines.whoosh.fields import WORDS
from index.errors import IndexUnavailable


class SearcherPool:
    """The searchers of one Whoosh index."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._index = open_dir(str(directory), readonly=True)
        self.words = (directory / WORDS).read_text(encoding="utf-8").split("\n")
        self._free: SimpleQueue[Any] = SimpleQueue()
        # Reads the segments' files: what is wrong with them is told when the generation is opened.
        self._free.put(self._index.searcher())

    def __len__(self) -> int:
        return int(self._index.doc_count())

    @contextmanager
    def lend(self) -> Iterator[Any]:
        try:
            searcher = self._free.get_nowait()
        except Empty:
            searcher = self._make_searcher()
        try:
            yield searcher
        finally:
            self._free.put(searcher)

    def _make_searcher(self) -> Any:
        try:
            return self._index.searcher()
        except (OSError, EmptyIndexError) as error:
            raise IndexUnavailable(self._directory, f"its files cannot be read any more: {error}") from error

    def expand(self, prefix: str) -> list[str]:
        """The terms of all words that begin with ``prefix``: stems alone would lose "relati*", whose words
        are stemmed to "relat"."""
        terms: dict[str, None] = {}
        for place in range(bisect_left(self.words, prefix), len(self.words)):
            if not self.words[place].startswith(prefix):
                break
            if (term := term_of(self.words[place])) is not None:
                terms[term] = None
        return list(terms)

    def find_number(self, ident: str) -> int | None:
        """The document number of an id."""
        try:
            term = ident.encode()
        except UnicodeEncodeError:  # a lone surrogate, which no document has
            return None
        with self.lend() as searcher:
            number = searcher.document_number(id=term)
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
