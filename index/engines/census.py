"""What can be told only when all stories are known: which spelling of a label is the most frequent, what each publisher
has, which stories cite an article. Engines' writers keep it beside their own files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import msgspec
from msgspec import Struct, field

from index.documents import Publisher, Source, Story
from index.engines.indexed import StoredSource, merge_sources
from index.identity import normalize_domain
from index.query import PublisherRecord

PUBLISHERS, CENSUS = "publishers.ndjson", "census.json"


class PublisherTally(Struct):
    """What is known of one publisher: each spelling of its name, domain and logo with how many stories have it."""

    names: dict[str, int] = field(default_factory=dict)
    domains: dict[str, int] = field(default_factory=dict)
    logos: dict[str, int] = field(default_factory=dict)
    story_count: int = 0
    source_count: int = 0

    def count_story(self, publisher: Publisher, sign: int) -> None:
        self.story_count += sign
        _count(self.names, publisher.label, sign)
        if domain := normalize_domain(publisher.domain):
            _count(self.domains, domain, sign)
        if publisher.logo_url:
            _count(self.logos, publisher.logo_url, sign)

    def to_record(self, ident: str) -> PublisherRecord:
        name, domain, logo = (_most_common(counts) for counts in (self.names, self.domains, self.logos))
        return PublisherRecord(ident, name, domain, logo, self.story_count, self.source_count)


class Tallies(Struct):
    """``census.json``: facet -> id -> label -> number of stories, and publishers by id."""

    labels: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    publishers: dict[str, PublisherTally] = field(default_factory=dict)


class Census:
    """Memory is bounded by the number of distinct labels."""

    def __init__(self, tallies: Tallies | None = None) -> None:
        self._tallies = tallies or Tallies()

    def add(self, story: Story, labels: Mapping[str, Mapping[str, str]]) -> None:
        """Take a story with its ``labels_of``."""
        self._count(story, labels, 1)

    def remove(self, story: Story, labels: Mapping[str, Mapping[str, str]]) -> None:
        """Take back a story that was added."""
        self._count(story, labels, -1)

    def count_source(self, source: Source, sign: int = 1) -> None:
        """Take (or take back) an article, which counts for its publisher."""
        if source.publisher and source.publisher.id:
            self._tallies.publishers.setdefault(source.publisher.id, PublisherTally()).source_count += sign

    def _count(self, story: Story, labels: Mapping[str, Mapping[str, str]], sign: int) -> None:
        for facet, values in labels.items():
            known = self._tallies.labels.setdefault(facet, {})
            for value, label in values.items():
                _count(known.setdefault(value, {}), label, sign)
        for publisher in story.publishers:
            self._tallies.publishers.setdefault(publisher.id, PublisherTally()).count_story(publisher, sign)

    def labels(self) -> dict[str, dict[str, str]]:
        """Facet -> id -> the most frequent label, of what some story has."""
        return {
            facet: {value: label for value, spellings in values.items() if (label := _most_common(spellings))}
            for facet, values in self._tallies.labels.items()
        }

    def write(self, directory: Path) -> int:
        """Write the publishers, and what an update of the generation goes on from. Returns how many publishers."""
        tallies = self._tallies.publishers.items()
        records = [tally.to_record(ident) for ident, tally in tallies if tally.story_count > 0]
        records.sort(key=lambda record: (-record.story_count, record.name.casefold(), record.id))
        (directory / PUBLISHERS).write_bytes(b"\n".join(map(msgspec.json.encode, records)))
        (directory / CENSUS).write_bytes(msgspec.json.encode(self._tallies))
        return len(records)


def read_census(directory: Path) -> Census:
    """What ``write`` wrote."""
    return Census(msgspec.json.decode((directory / CENSUS).read_bytes(), type=Tallies))


def read_publishers(directory: Path) -> list[PublisherRecord]:
    """By story count, then name."""
    return msgspec.json.Decoder(PublisherRecord).decode_lines((directory / PUBLISHERS).read_bytes())


def merge_citing(ident: str, citing: Sequence[tuple[str, Source]]) -> StoredSource:
    """A source as (story id, what the story says of it) tell of it."""
    source = merge_sources([source for _, source in citing])
    return StoredSource(ident, source, tuple(dict.fromkeys(story for story, _ in citing)))


def _count(counts: dict[str, int], key: str, sign: int) -> None:
    """One more or one less; what nothing has any more is forgotten."""
    counts[key] = counts.get(key, 0) + sign
    if not counts[key]:
        del counts[key]


def _most_common(spellings: Mapping[str, int]) -> str:
    """The most frequent spelling; of equally frequent ones the first in order, so that every build says the same.

    "" where there is none.
    """
    return min(spellings, key=lambda spelling: (-spellings[spelling], spelling), default="")


@contextmanager
def _disk_errors() -> Iterator[None]:
    """SQLite's "database or disk is full" as what other files raise."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise OSError(str(error)) from error


class SourceStore:
    """Sources by id on disk, with the stories that cite them: SQLite sorts more than fits into memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = sqlite3.connect(path, isolation_level=None)
        # Nothing of it outlives a crash, for the whole directory is removed then.
        self._db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN")
        self._db.execute("CREATE TABLE cited (source TEXT, story TEXT, document BLOB)")

    def add(self, story: Story) -> None:
        rows = [
            (ident, story.id, msgspec.json.encode(source))
            for ident, source in zip(story.source_ids(), story.sources, strict=True)
        ]
        with _disk_errors():
            self._db.executemany("INSERT INTO cited VALUES (?, ?, ?)", rows)

    def iter_merged(self) -> Iterator[StoredSource]:
        """Each source once, in the order of ids: what its stories say of it, in the order they were added, merged."""
        with _disk_errors():
            cursor = self._db.execute("SELECT source, story, document FROM cited ORDER BY source, rowid")
            for ident, group in groupby(cursor, key=itemgetter(0)):
                citing = [(story, msgspec.json.decode(document, type=Source)) for _, story, document in group]
                yield merge_citing(ident, citing)

    def close(self) -> None:
        """Let go of the file, and of what is in it."""
        self._db.close()
        self._path.unlink(missing_ok=True)
