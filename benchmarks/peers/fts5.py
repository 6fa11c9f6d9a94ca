"""SQLite's FTS5 with Porter's stemmer and its BM25. Facets are separate tables."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.corpus import facet_values, searchable_text
from benchmarks.peers import FACET_SIZE, FACETS, HITS, BuildResult, count_bytes
from benchmarks.queries import BenchmarkQuery
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
    max_queries = 5
    max_stories = 250_000

    def __init__(self) -> None:
        self._codes: dict[str, dict[str, int]] = {facet: {} for facet in FACETS}

    # --- building --------------------------------------------------------------------------------------------------

    def build(self, file: Path, directory: Path) -> BuildResult:
        started = time.perf_counter()
        self._base = sqlite3.connect(directory / "stories.sqlite", isolation_level=None)
        self._base.executescript(_TABLES)
        self._base.execute("BEGIN")
        for rows in self._iter_batches(file):
            for table, values in rows.items():
                if values:
                    placeholders = ", ".join("?" * len(values[0]))
                    self._base.executemany(f"INSERT INTO {table} VALUES ({placeholders})", values)  # noqa: S608 - our tables
        self._base.execute("INSERT INTO texts(texts) VALUES ('optimize')")
        self._base.execute("COMMIT")
        self._base.executescript("ANALYZE")
        # Facet values by their code.
        self._names = {facet: list(codes) for facet, codes in self._codes.items()}
        return BuildResult(time.perf_counter() - started, count_bytes(directory))

    def _iter_batches(self, file: Path) -> Iterator[dict[str, list[tuple[object, ...]]]]:
        rows = _empty_rows()
        for number, read in enumerate(iter_stories(file), start=1):
            if isinstance(read, AcceptedLine):
                story = read.story
                published = story.published_at.timestamp() if story.published_at else None
                rows["texts(rowid, text)"].append((number, searchable_text(story)))
                rows["stories"].append((number, story.id, published))
                for facet, values in facet_values(story).items():
                    codes = self._codes[facet]
                    rows[facet] += [(number, codes.setdefault(value, len(codes))) for value in values]
            if number % _BATCH == 0:
                yield rows
                rows = _empty_rows()
        yield rows

    # --- searching -------------------------------------------------------------------------------------------------

    def search(self, query: BenchmarkQuery, *, facets: bool, documents: bool, highlights: bool) -> int:
        where, values = self._read(query)
        if facets:
            total = self._count(where, values)
        else:
            total = int(self._base.execute(f"SELECT count(*) FROM texts WHERE {where}", values).fetchone()[0])  # noqa: S608
        columns = "texts.rowid"
        if highlights:
            columns = "texts.rowid, snippet(texts, 0, '<b>', '</b>', '…', 30)"
        elif documents:
            columns = "texts.rowid, text"
        self._base.execute(_select_hits(columns, where, query.newest), values).fetchall()
        return total

    def _read(self, query: BenchmarkQuery) -> tuple[str, tuple[object, ...]]:
        """The WHERE condition and its parameters."""
        text = _match(query)
        if not query.facet_filter:
            return "texts MATCH ?", (text,)
        facet, value = query.facet_filter
        code = self._codes[facet].get(value, -1)
        condition = f"texts MATCH ? AND EXISTS (SELECT 1 FROM {facet} WHERE story = texts.rowid AND value = ?)"  # noqa: S608
        return condition, (text, code)

    def _count(self, where: str, values: tuple[object, ...]) -> int:
        """Count the facets of all matches; returns the number of matches."""
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


def _empty_rows() -> dict[str, list[tuple[object, ...]]]:
    return {"texts(rowid, text)": [], "stories": [], **{facet: [] for facet in FACETS}}


def _match(query: BenchmarkQuery) -> str:
    words = [f'"{word}"' for word in query.words]
    match query.shape:
        case "or":
            return " OR ".join(words)
        case "phrase":
            return '"' + " ".join(query.words) + '"'
        case "prefix":
            return words[0] + "*"
        case "not":
            return " NOT ".join(words)
        case _:
            return " AND ".join(words)


def _select_hits(columns: str, where: str, newest: bool) -> str:
    if newest:
        return (
            f"SELECT {columns} FROM texts JOIN stories ON stories.story = texts.rowid "  # noqa: S608
            f"WHERE {where} ORDER BY published DESC LIMIT {HITS}"
        )
    return f"SELECT {columns} FROM texts WHERE {where} ORDER BY rank LIMIT {HITS}"  # noqa: S608
