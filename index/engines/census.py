"""What can be told only when all stories are known: which spelling of a label is the most frequent, what each
publisher has, which stories cite an article. Engines' writers keep it beside their own files."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import msgspec

from index.documents import Publisher, Source, Story
from index.engines.indexed import StoredSource, merge_sources
from index.identity import normalize_domain
from index.query import IndexStatus, PublisherRecord

PUBLISHERS = "publishers.ndjson"


class Census:
    """Memory is bounded by the number of distinct labels; the sources wait on disk."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._waiting = _SourceStore(directory / "waiting.sqlite")
        self._labels: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        self._publishers: dict[str, _PublisherTally] = defaultdict(_PublisherTally)
        self._stories = self._sources = 0
        self._newest: datetime | None = None

    def add(self, story: Story, labels: Mapping[str, Mapping[str, str]]) -> None:
        """Take a story with its ``labels_of``."""
        for facet, values in labels.items():
            for value, label in values.items():
                self._labels[facet][value][label] += 1
        for publisher in story.publishers:
            self._publishers[publisher.id].add_story(publisher)
        self._waiting.add(story)
        self._stories += 1
        if story.published_at and (self._newest is None or story.published_at > self._newest):
            self._newest = story.published_at

    def labels(self) -> dict[str, dict[str, str]]:
        """Facet -> id -> the most frequent label."""
        return {
            facet: {value: _most_common(spellings) for value, spellings in values.items()}
            for facet, values in self._labels.items()
        }

    def iter_sources(self) -> Iterator[StoredSource]:
        """Each source once, in the order of ids: what its stories say of it, merged."""
        for ident, citing in self._waiting.iter_grouped():
            source = merge_sources([source for _, source in citing])
            if source.publisher and source.publisher.id:
                self._publishers[source.publisher.id].source_count += 1
            self._sources += 1
            yield StoredSource(ident, source, tuple(dict.fromkeys(story for story, _ in citing)))

    def finish(self) -> IndexStatus:
        """Write the publishers, once all sources were gone through."""
        self.close()
        records = [tally.record(ident) for ident, tally in self._publishers.items()]
        records.sort(key=lambda record: (-record.story_count, record.name.casefold(), record.id))
        (self._directory / PUBLISHERS).write_bytes(b"\n".join(map(msgspec.json.encode, records)))
        return IndexStatus(self._stories, self._sources, len(records), self._newest)

    def close(self) -> None:
        self._waiting.remove()


def read_publishers(directory: Path) -> list[PublisherRecord]:
    """By story count, then name."""
    return msgspec.json.Decoder(PublisherRecord).decode_lines((directory / PUBLISHERS).read_bytes())


def _most_common(spellings: Counter[str]) -> str:
    """The most frequent spelling; of equally frequent ones the first in order, so that every build says the same."""
    return min(spellings, key=lambda spelling: (-spellings[spelling], spelling))


class _PublisherTally:
    def __init__(self) -> None:
        self.names: Counter[str] = Counter()
        self.domains: Counter[str] = Counter()
        self.logos: Counter[str] = Counter()
        self.story_count = self.source_count = 0

    def add_story(self, publisher: Publisher) -> None:
        self.story_count += 1
        self.names[publisher.label] += 1
        if publisher.domain.strip():
            self.domains[normalize_domain(publisher.domain)] += 1
        if publisher.logo_url:
            self.logos[publisher.logo_url] += 1

    def record(self, ident: str) -> PublisherRecord:
        domain, logo = (_most_common(counts) if counts else "" for counts in (self.domains, self.logos))
        return PublisherRecord(ident, _most_common(self.names), domain, logo, self.story_count, self.source_count)


@contextmanager
def _disk_errors() -> Iterator[None]:
    """SQLite's "database or disk is full" as what other files raise."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise OSError(str(error)) from error


class _SourceStore:
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

    def iter_grouped(self) -> Iterator[tuple[str, list[tuple[str, Source]]]]:
        """(source id, [(story id, Source), …]) in the order of ids; stories in the order they were added."""
        with _disk_errors():
            cursor = self._db.execute("SELECT source, story, document FROM cited ORDER BY source, rowid")
            for ident, group in groupby(cursor, key=itemgetter(0)):
                yield ident, [(story, msgspec.json.decode(document, type=Source)) for _, story, document in group]

    def remove(self) -> None:
        self._db.close()
        self._path.unlink(missing_ok=True)
