"""Documents to the files of a generation. Memory is bounded by the number of stories (their ids), of distinct words and
of labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from msgspec.structs import replace
from whoosh.filedb.filestore import FileStorage

from index.analysis.schema import WORD
from index.documents.story import Story
from index.engines import indexed
from index.engines.label_counts import LabelCounts, SourceStore
from index.engines.whoosh import fields
from index.query.results import IndexStatus

# Megabytes of postings that Whoosh keeps before it sorts them to disk; 256 instead of its 128 saves a tenth
# of the time on 228,612 stories.
_POSTINGS_MB = 256


class WhooshWriter:
    """A GenerationWriter (index.engines.base) of plain Whoosh."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stories = _make_index(directory / fields.STORIES, fields.make_story_schema())
        self._rows: BinaryIO = open(directory / fields.ROWS, "wb")  # noqa: SIM115 - until finish or abort
        self._label_counts, self._cited = LabelCounts(), SourceStore(directory / "cited.sqlite")
        self._status = IndexStatus(stories=0, sources=0, publishers=0, newest=None)
        self._words: set[str] = set()  # of the collection that is being written

    def add(self, story: Story) -> None:
        texts, labels = indexed.text_of_story(story), indexed.labels_of(story)
        self._add_document(self._stories, story.id, msgspec.json.encode(story), texts)
        self._rows.write(msgspec.json.encode(fields.row_of(story, labels)) + b"\n")
        self._label_counts.add(story, labels)
        self._cited.add(story)
        self._status = self._status.with_story(story)

    def finish(self) -> IndexStatus:
        self._rows.close()
        self._commit(self._stories, fields.STORIES)
        self._write_sources()
        (self._directory / fields.LABELS).write_bytes(msgspec.json.encode(self._label_counts.labels()))
        return replace(self._status, publishers=self._label_counts.write(self._directory))

    def abort(self) -> None:
        self._rows.close()
        self._stories.cancel()
        self._cited.close()

    def _write_sources(self) -> None:
        writer = _make_index(self._directory / fields.SOURCES, fields.make_source_schema())
        with open(self._directory / fields.SOURCE_ROWS, "wb") as rows:
            for stored in self._cited.iter_merged():
                self._label_counts.count_source(stored.source)
                self._status = replace(self._status, sources=self._status.sources + 1)
                texts = indexed.text_of_source(stored.source)
                self._add_document(writer, stored.id, msgspec.json.encode(stored), texts)
                rows.write(msgspec.json.encode(fields.row_of_source(stored)) + b"\n")
        self._cited.close()
        self._commit(writer, fields.SOURCES)

    def _commit(self, writer: Any, name: str) -> None:
        writer.commit()
        words = "\n".join(sorted(self._words))
        (self._directory / name / fields.WORDS).write_text(words, encoding="utf-8")
        self._words.clear()

    def _add_document(self, writer: Any, ident: str, document: bytes, texts: dict[str, str]) -> None:
        writer.add_document(id=ident, document=document, **{name: text for name, text in texts.items() if text})
        for text in texts.values():
            # Cut first, then lower case, as analysis does: "İ" becomes two characters, one of them no letter.
            self._words.update(map(str.lower, WORD.findall(text)))


def _make_index(directory: Path, schema: object) -> Any:
    directory.mkdir()
    index = FileStorage(str(directory)).create_index(schema)
    return index.writer(limitmb=_POSTINGS_MB)
