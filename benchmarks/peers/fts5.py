"""SQLite's FTS5 with Porter's stems and its BM25; facets in tables of their own."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.corpus import facets_of, text_of
from benchmarks.peers import FACET_SIZE, FACETS, HITS, Built, bytes_under
from benchmarks.queries import Question
from index.readers.ndjson import AcceptedLine, iter_stories

_TABLES = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; PRAGMA mmap_size = 4000000000;
CREATE VIRTUAL TABLE texts USING fts5(text, tokenize = 'porter unicode61', prefix = '4');
CREATE TABLE stories (story INTEGER PRIMARY KEY, id TEXT, published REAL);
CREATE TABLE topic (story INTEGER, value INTEGER, PRIMARY KEY (story, value)) WITHOUT ROWID;
CREATE TABLE publisher (story INTEGER, value INTEGER, PRIMARY KEY (story, value)) WITHOUT ROWID;
CREATE TEMP TABLE found (story INTEGER PRIMARY KEY);
"""
_BATCH = 5_000


class Fts5:
    name = "SQLite FTS5"
    patience = 5
    max_stories = 250_000

    def __init__(self) -> None:
        self._codes: dict[str, dict[str, int]] = {facet: {} for facet in FACETS}

    # --- building --------------------------------------------------------------------------------------------------

    def build(self, file: Path, directory: Path) -> Built:
        started = time.perf_counter()
        self._base = sqlite3.connect(directory / "stories.sqlite", isolation_level=None)
        self._base.executescript(_TABLES)
        self._base.execute("BEGIN")
        for rows in self._iter_batches(file):
            for table, values in rows.items():
                if values:
                    places = ", ".join("?" * len(values[0]))
                    self._base.executemany(f"INSERT INTO {table} VALUES ({places})", values)  # noqa: S608 - our tables
        self._base.execute("INSERT INTO texts(texts) VALUES ('optimize')")
        self._base.execute("COMMIT")
        self._base.executescript("ANALYZE")
        # The queries of facets name the codes' labels from here.
        self._names = {facet: list(codes) for facet, codes in self._codes.items()}
        return Built(time.perf_counter() - started, bytes_under(directory))

    def _iter_batches(self, file: Path) -> Iterator[dict[str, list[tuple[object, ...]]]]:
        rows = _no_rows()
        for number, read in enumerate(iter_stories(file), start=1):
            if isinstance(read, AcceptedLine):
                story = read.story
                published = story.published_at.timestamp() if story.published_at else None
                rows["texts(rowid, text)"].append((number, text_of(story)))
                rows["stories"].append((number, story.id, published))
                for facet, values in facets_of(story).items():
                    codes = self._codes[facet]
                    rows[facet] += [(number, codes.setdefault(value, len(codes))) for value in values]
            if number % _BATCH == 0:
                yield rows
                rows = _no_rows()
        yield rows

    # --- searching -------------------------------------------------------------------------------------------------

    def search(self, question: Question, *, facets: bool, documents: bool, highlights: bool) -> int:
        where, values = self._read(question)
        if facets:
            total = self._count(where, values)
        else:
            total = int(self._base.execute(f"SELECT count(*) FROM texts WHERE {where}", values).fetchone()[0])  # noqa: S608
        shown = "texts.rowid"
        if highlights:
            shown = "texts.rowid, snippet(texts, 0, '<b>', '</b>', '…', 30)"
        elif documents:
            shown = "texts.rowid, text"
        self._base.execute(_ordered(shown, where, question.newest), values).fetchall()
        return total

    def _read(self, question: Question) -> tuple[str, tuple[object, ...]]:
        """The condition and its values."""
        text = _match(question)
        if not question.only:
            return "texts MATCH ?", (text,)
        facet, value = question.only
        code = self._codes[facet].get(value, -1)
        condition = f"texts MATCH ? AND EXISTS (SELECT 1 FROM {facet} WHERE story = texts.rowid AND value = ?)"  # noqa: S608
        return condition, (text, code)

    def _count(self, where: str, values: tuple[object, ...]) -> int:
        """Facets of what is found, and how many that is."""
        self._base.execute("DELETE FROM found")
        total = self._base.execute(f"INSERT INTO found SELECT rowid FROM texts WHERE {where}", values).rowcount  # noqa: S608
        for facet in FACETS:
            counted = self._base.execute(
                f"SELECT value, count(*) FROM found JOIN {facet} USING (story) "  # noqa: S608
                f"GROUP BY value ORDER BY 2 DESC LIMIT {FACET_SIZE}"
            )
            _ = [(self._names[facet][code], count) for code, count in counted]
        return total

    def close(self) -> None:
        self._base.close()


def _no_rows() -> dict[str, list[tuple[object, ...]]]:
    return {"texts(rowid, text)": [], "stories": [], **{facet: [] for facet in FACETS}}


def _match(question: Question) -> str:
    words = [f'"{word}"' for word in question.words]
    match question.shape:
        case "or":
            return " OR ".join(words)
        case "phrase":
            return '"' + " ".join(question.words) + '"'
        case "prefix":
            return words[0] + "*"
        case "not":
            return " NOT ".join(words)
        case _:
            return " AND ".join(words)


def _ordered(shown: str, where: str, newest: bool) -> str:
    if newest:
        return (
            f"SELECT {shown} FROM texts JOIN stories ON stories.story = texts.rowid "  # noqa: S608
            f"WHERE {where} ORDER BY published DESC LIMIT {HITS}"
        )
    return f"SELECT {shown} FROM texts WHERE {where} ORDER BY rank LIMIT {HITS}"  # noqa: S608
