"""What can be told only when all stories are known: which spelling of a label is the most frequent, what each publisher
has, which stories cite an article. Engines' writers keep it beside their own files."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import msgspec
from msgspec import Struct, field

from index.documents.identity import normalize_domain
from index.documents.story import Publisher, Source, Story
from index.engines.indexed import StoredSource, merge_sources
from index.files.disk import read_regular
from index.query.results import PublisherRecord

PUBLISHERS, LABEL_COUNTS, CHANGES = "publishers.ndjson", "census.tsv", "census-changes.json"
# Changes are read and written whole at each update (5 ms for so many) until census.tsv is written anew (0.3 s).
_MAX_CHANGES = 5_000
# So many go to SQLite at once: one by one they take twice as long.
_ROWS = 1_000


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
        name, domain, logo = (most_common(counts) for counts in (self.names, self.domains, self.logos))
        return PublisherRecord(
            id=ident,
            name=name,
            domain=domain,
            logo_url=logo,
            story_count=self.story_count,
            source_count=self.source_count,
        )


class Tallies(Struct):
    """Facet -> id -> label -> number of stories, and publishers by id."""

    labels: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    publishers: dict[str, PublisherTally] = field(default_factory=dict)


class LabelCountChanges(Struct):
    """``census-changes.json``: what an update changed in ``census.tsv`` and ``publishers.ndjson``, which it
    shares with the generation before. ``tallies`` replace those there, ``publishers`` is how many there are now."""

    publishers: int
    tallies: Tallies = field(default_factory=Tallies)


class LabelCounts:
    """Counts labels and publishers of stories. Memory is bounded by the number of distinct labels."""

    def __init__(self, tallies: Tallies | None = None) -> None:
        self._tallies = tallies or Tallies()

    @property
    def tallies(self) -> Tallies:
        """All that was counted; not to be changed."""
        return self._tallies

    def _spellings(self, facet: str, value: str) -> dict[str, int]:
        return self._tallies.labels.setdefault(facet, {}).setdefault(value, {})

    def _tally(self, publisher: str) -> PublisherTally:
        return self._tallies.publishers.setdefault(publisher, PublisherTally())

    def add(self, story: Story, labels: Mapping[str, Mapping[str, str]]) -> None:
        """Take a story with its ``labels_of``."""
        self._count(story, labels, 1)

    def remove(self, story: Story, labels: Mapping[str, Mapping[str, str]]) -> None:
        """Take back a story that was added."""
        self._count(story, labels, -1)

    def count_source(self, source: Source, sign: int = 1) -> None:
        """Take (or take back) an article, which counts for its publisher."""
        if source.publisher and source.publisher.id:
            self._tally(source.publisher.id).source_count += sign

    def _count(self, story: Story, labels: Mapping[str, Mapping[str, str]], sign: int) -> None:
        for facet, values in labels.items():
            for value, label in values.items():
                _count(self._spellings(facet, value), label, sign)
        for publisher in story.publishers:
            self._tally(publisher.id).count_story(publisher, sign)

    def labels(self) -> dict[str, dict[str, str]]:
        """Facet -> id -> the most frequent label, of what some story has."""
        return {
            facet: {value: label for value, spellings in values.items() if (label := most_common(spellings))}
            for facet, values in self._tallies.labels.items()
        }

    def write(self, directory: Path) -> int:
        """Write the publishers, and what an update of the generation goes on from. Returns how many publishers."""
        records = _to_records(self._tallies)
        (directory / PUBLISHERS).write_bytes(b"\n".join(map(msgspec.json.encode, records)))
        lines: list[tuple[bytes, dict[str, int] | PublisherTally]] = [
            (_key(facet, value), spellings)
            for facet, values in self._tallies.labels.items()
            for value, spellings in values.items()
        ]
        lines += [(_key("", ident), tally) for ident, tally in self._tallies.publishers.items()]
        lines.sort(key=itemgetter(0))
        text = b"".join([key + b"\t" + msgspec.json.encode(counts) + b"\n" for key, counts in lines])
        (directory / LABEL_COUNTS).write_bytes(text)
        (directory / CHANGES).write_bytes(msgspec.json.encode(LabelCountChanges(len(records))))
        return len(records)


class IncrementalLabelCounts(LabelCounts):
    """The label counts of the generation ``base``, to be updated: only what a story changes is looked up."""

    def __init__(self, base: Path) -> None:
        changes = _read_changes(base)
        super().__init__(changes.tallies)
        self._base, self._publishers = base, changes.publishers
        self._whole = read_regular(base / LABEL_COUNTS)
        self._labels_before: dict[tuple[str, str], str] = {}
        self._listed_before: dict[str, bool] = {}

    def _spellings(self, facet: str, value: str) -> dict[str, int]:
        known = self._tallies.labels.setdefault(facet, {})
        if value not in known:
            found = _find_line(self._whole, _key(facet, value))
            known[value] = msgspec.json.decode(found, type=dict[str, int]) if found else {}
        self._labels_before.setdefault((facet, value), most_common(known[value]))
        return known[value]

    def _tally(self, publisher: str) -> PublisherTally:
        known = self._tallies.publishers
        if publisher not in known:
            found = _find_line(self._whole, _key("", publisher))
            known[publisher] = msgspec.json.decode(found, type=PublisherTally) if found else PublisherTally()
        self._listed_before.setdefault(publisher, known[publisher].story_count > 0)
        return known[publisher]

    def changed_labels(self) -> dict[str, dict[str, str]]:
        """Facet -> id -> the label of today, "" where no story has it any more, of what has another than before."""
        changed: dict[str, dict[str, str]] = {}
        for (facet, value), before in self._labels_before.items():
            label = most_common(self._tallies.labels[facet][value])
            if label != before:
                changed.setdefault(facet, {})[value] = label
        return changed

    def write(self, directory: Path) -> int:
        tallies = self._tallies
        if len(tallies.publishers) + sum(map(len, tallies.labels.values())) > _MAX_CHANGES:
            return LabelCounts(_overlay(self._whole, tallies)).write(directory)
        for ident, listed in self._listed_before.items():
            self._publishers += (tallies.publishers[ident].story_count > 0) - listed
        for name in (LABEL_COUNTS, PUBLISHERS):
            os.link(self._base / name, directory / name)
        (directory / CHANGES).write_bytes(msgspec.json.encode(LabelCountChanges(self._publishers, tallies)))
        return self._publishers


class StoredPublishers:
    """The publishers of a generation. The files are read at once, so that nothing has to be opened later; decoding,
    which takes 20 ms, waits until they are asked for. Making it raises OSError."""

    def __init__(self, directory: Path) -> None:
        self._publishers, self._changes = read_regular(directory / PUBLISHERS), read_regular(directory / CHANGES)

    def decode(self) -> list[PublisherRecord]:
        """By story count, then name. Raises ValueError or msgspec's errors."""
        records = msgspec.json.Decoder(PublisherRecord).decode_lines(self._publishers)
        changed = msgspec.json.decode(self._changes, type=LabelCountChanges).tallies
        if changed.publishers:
            records = [record for record in records if record.id not in changed.publishers] + _to_records(changed)
            records.sort(key=_listing_order)
        return records


def read_publishers(directory: Path) -> list[PublisherRecord]:
    """Raises OSError, ValueError or msgspec's errors."""
    return StoredPublishers(directory).decode()


def _read_changes(directory: Path) -> LabelCountChanges:
    return msgspec.json.decode(read_regular(directory / CHANGES), type=LabelCountChanges)


def _to_records(tallies: Tallies) -> list[PublisherRecord]:
    """The publishers that some story has, in the order in which they are listed."""
    return sort_publishers(tallies.publishers)


def sort_publishers(tallies: Mapping[str, PublisherTally]) -> list[PublisherRecord]:
    """Those that some story has, by story count, then name."""
    records = [tally.to_record(ident) for ident, tally in tallies.items() if tally.story_count > 0]
    return sorted(records, key=_listing_order)


def _listing_order(record: PublisherRecord) -> tuple[int, str, str]:
    return -record.story_count, record.name.casefold(), record.id


def _key(facet: str, value: str) -> bytes:
    """What a line of ``census.tsv`` begins with; publishers have no facet. JSON holds no tab and no line break."""
    return msgspec.json.encode((facet, value))


def _find_line(text: bytes, key: bytes) -> bytes | None:
    """The rest of the line that begins with ``key``, in sorted lines that all end."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high) >> 1
        # From low where no line before the middle ends.
        start = text.rfind(b"\n", low, middle) + 1 or low
        end = text.index(b"\n", middle)
        found, _, rest = text[start:end].partition(b"\t")
        if found == key:
            return rest
        low, high = (end + 1, high) if found < key else (low, start)
    return None


def _overlay(text: bytes, changed: Tallies) -> Tallies:
    """All tallies of ``census.tsv``, those in ``changed`` in place of its own."""
    whole = Tallies()
    for line in text.splitlines():
        key, _, counts = line.partition(b"\t")
        facet, value = msgspec.json.decode(key, type=tuple[str, str])
        if facet:
            whole.labels.setdefault(facet, {})[value] = msgspec.json.decode(counts, type=dict[str, int])
        else:
            whole.publishers[value] = msgspec.json.decode(counts, type=PublisherTally)
    for facet, values in changed.labels.items():
        whole.labels.setdefault(facet, {}).update(values)
    whole.publishers |= changed.publishers
    return whole


def merge_citing(ident: str, citing: Sequence[tuple[str, Source]]) -> StoredSource:
    """A source as (story id, what the story says of it) tell of it."""
    source = merge_sources([source for _, source in citing])
    return StoredSource(ident, source, tuple(dict.fromkeys(story for story, _ in citing)))


def _count(counts: dict[str, int], key: str, sign: int) -> None:
    """One more or one less; what nothing has any more is forgotten."""
    counts[key] = counts.get(key, 0) + sign
    if not counts[key]:
        del counts[key]


def most_common(spellings: Mapping[str, int]) -> str:
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
        self._waiting: list[tuple[str, str, bytes]] = []

    def add(self, story: Story) -> None:
        self._waiting += [
            (ident, story.id, msgspec.json.encode(source))
            for ident, source in zip(story.source_ids(), story.sources, strict=True)
        ]
        if len(self._waiting) >= _ROWS:
            with _disk_errors():
                self._insert()

    def _insert(self) -> None:
        self._db.executemany("INSERT INTO cited VALUES (?, ?, ?)", self._waiting)
        self._waiting.clear()

    def iter_merged(self) -> Iterator[StoredSource]:
        """Each source once, in the order of ids: what its stories say of it, in the order they were added, merged."""
        with _disk_errors():
            self._insert()
            cursor = self._db.execute("SELECT source, story, document FROM cited ORDER BY source, rowid")
            for ident, group in groupby(cursor, key=itemgetter(0)):
                citing = [(story, msgspec.json.decode(document, type=Source)) for _, story, document in group]
                yield merge_citing(ident, citing)

    def close(self) -> None:
        """Let go of the file, and of what is in it."""
        self._db.close()
        self._path.unlink(missing_ok=True)
