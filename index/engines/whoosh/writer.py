"""Documents to the files of a generation. Memory is bounded by the number of stories (their ids), of distinct
words and of publishers; the sources wait on disk until it is known which stories cite them."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from whoosh.filedb.filestore import FileStorage

from index.documents import Publisher, Source, Story
from index.engines.whoosh import fields
from index.identity import normalize_domain
from index.query import IndexStatus, PublisherRecord
from index.schema import WORD

# Megabytes of postings that Whoosh keeps before it sorts them to disk; 256 instead of its 128 saves a tenth
# of the time on 228,612 stories.
_POSTINGS_MB = 256


class WhooshWriter:
    """A GenerationWriter (index.engines.base) of plain Whoosh."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stories = _make_index(directory / fields.STORIES, fields.make_story_schema())
        self._rows: BinaryIO = open(directory / fields.ROWS, "wb")  # noqa: SIM115 - until finish or abort
        self._waiting = _SourceStore(directory / "waiting.sqlite")
        self._labels: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        self._publishers: dict[str, _PublisherTally] = defaultdict(_PublisherTally)
        self._words: set[str] = set()
        self._count = 0
        self._newest: datetime | None = None

    def add(self, story: Story) -> None:
        texts = fields.text_of_story(story)
        document = msgspec.json.encode(story)
        self._stories.add_document(id=story.id, document=document, **{k: v for k, v in texts.items() if v})
        labels = fields.labels_of(story)
        self._rows.write(msgspec.json.encode(fields.row_of(story, labels)) + b"\n")
        self._collect_words(texts)
        for facet, values in labels.items():
            for value, label in values.items():
                self._labels[facet][value][label] += 1
        for publisher in story.publishers:
            self._publishers[publisher.id].add_story(publisher)
        self._waiting.add(story)
        self._count += 1
        if story.published_at and (self._newest is None or story.published_at > self._newest):
            self._newest = story.published_at

    def finish(self) -> IndexStatus:
        self._rows.close()
        self._stories.commit()
        sources = self._write_sources()
        self._waiting.remove()
        (self._directory / fields.WORDS).write_text("\n".join(sorted(self._words)), encoding="utf-8")
        labels = {
            facet: {value: _most_common(spellings) for value, spellings in values.items()}
            for facet, values in self._labels.items()
        }
        (self._directory / fields.LABELS).write_bytes(msgspec.json.encode(labels))
        records = [tally.record(ident) for ident, tally in self._publishers.items()]
        records.sort(key=lambda record: (-record.story_count, record.name.casefold(), record.id))
        (self._directory / fields.PUBLISHERS).write_bytes(b"\n".join(map(msgspec.json.encode, records)))
        return IndexStatus(self._count, sources, len(records), self._newest)

    def abort(self) -> None:
        self._rows.close()
        self._stories.cancel()
        self._waiting.remove()

    def _collect_words(self, texts: dict[str, str]) -> None:
        for text in texts.values():
            # Cut first, then lower case, as analysis does: "İ" becomes two characters, one of them no letter.
            self._words.update(map(str.lower, WORD.findall(text)))

    def _write_sources(self) -> int:
        writer = _make_index(self._directory / fields.SOURCES, fields.make_source_schema())
        count = 0
        with open(self._directory / fields.SOURCE_ROWS, "wb") as rows:
            for ident, citing in self._waiting.iter_grouped():
                source = fields.merge_sources([source for _, source in citing])
                stories = tuple(dict.fromkeys(story for story, _ in citing))
                texts = fields.text_of_source(source)
                document = msgspec.json.encode(fields.StoredSource(ident, source, stories))
                writer.add_document(id=ident, document=document, **{k: v for k, v in texts.items() if v})
                self._collect_words(texts)
                publisher = source.publisher.id if source.publisher else ""
                published = fields.microseconds(source.published_at or None)
                row = fields.SourceRow(ident, published, (publisher,) if publisher else (), stories)
                rows.write(msgspec.json.encode(row) + b"\n")
                if publisher:
                    self._publishers[publisher].source_count += 1
                count += 1
        writer.commit()
        return count


def _make_index(directory: Path, schema: object) -> Any:
    directory.mkdir()
    index = FileStorage(str(directory)).create_index(schema)
    return index.writer(limitmb=_POSTINGS_MB)


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
