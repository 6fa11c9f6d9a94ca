"""tantivy, one segment: facets as fast fields, either of names or of codes; the text in one field, or the title in
another besides, as Outpost ranks."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import tantivy  # type: ignore[import-not-found,unused-ignore]  # of the group "benchmark"

from benchmarks.corpus import facets_of, text_of
from benchmarks.peers import FACET_SIZE, FACETS, HITS, Built, bytes_under
from benchmarks.queries import Question
from index.documents.story import Story
from index.engines.scoring import TITLE_SHARE
from index.readers.ndjson import AcceptedLine, iter_stories

# One thread with room for the whole corpus writes one segment.
_HEAP = 3_500_000_000
_NAMES = "names.json"
_WITHOUT_TIME = -(2**62)


class Tantivy:
    """With ``coded`` a facet's values are numbers, and their names are looked up beside the index. With ``titled`` a
    word scores in the whole text and half as much in the title: the formula of Outpost."""

    patience = sys.maxsize
    max_stories = sys.maxsize

    def __init__(self, *, coded: bool, titled: bool = False) -> None:
        self.coded, self.titled = coded, titled
        self.name = "tantivy" + ", codes" * coded + ", title" * titled
        self.names: dict[str, list[str]] = {facet: [] for facet in FACETS}
        self.codes: dict[str, dict[str, int]] = {facet: {} for facet in FACETS}
        self._counted = {facet: {"terms": {"field": facet, "size": FACET_SIZE}} for facet in FACETS}

    # --- building --------------------------------------------------------------------------------------------------

    def build(self, file: Path, directory: Path) -> Built:
        started = time.perf_counter()
        index = tantivy.Index(self._make_schema(), path=str(directory))
        writer = index.writer(_HEAP, 1)
        encode = msgspec.json.Encoder().encode
        for read in iter_stories(file):
            if isinstance(read, AcceptedLine):
                writer.add_json(encode(self._fields_of(read.story)).decode())
        writer.commit()
        writer.wait_merging_threads()
        (directory / _NAMES).write_bytes(encode(self.names))
        self.open(directory)
        segments = int(self.searcher.num_segments)
        note = "one segment" if segments == 1 else f"{segments} segments"
        return Built(time.perf_counter() - started, bytes_under(directory), note)

    def _make_schema(self) -> Any:
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("text", stored=True, tokenizer_name="en_stem")
        if self.titled:
            builder.add_text_field("title", tokenizer_name="en_stem")
        for facet in FACETS:
            if self.coded:
                builder.add_unsigned_field(facet, fast=True, indexed=True)
            else:
                builder.add_text_field(facet, fast=True, tokenizer_name="raw", index_option="basic")
        builder.add_integer_field("published", fast=True)
        # What an answer shows of a story besides its text.
        builder.add_bytes_field("card", stored=True)
        return builder.build()

    def _fields_of(self, story: Story) -> dict[str, Any]:
        facets: dict[str, tuple[str, ...]] = facets_of(story)
        published = int(story.published_at.timestamp()) if story.published_at else _WITHOUT_TIME
        return {
            "text": text_of(story),
            "published": published,
            # Bytes are written as base64, which tantivy reads back.
            "card": msgspec.json.encode(_card(story)),
            **({"title": story.title} if self.titled else {}),
            **({name: self._code(name, values) for name, values in facets.items()} if self.coded else facets),
        }

    def _code(self, facet: str, values: tuple[str, ...]) -> list[int]:
        codes, names = self.codes[facet], self.names[facet]
        for value in values:
            if value not in codes:
                codes[value] = len(names)
                names.append(value)
        return [codes[value] for value in values]

    def open(self, directory: Path) -> None:
        self.index = tantivy.Index.open(str(directory))
        self.schema = self.index.schema
        # Its own types lack ``SearchResult.count``.
        self.searcher: Any = self.index.searcher()
        self.names = msgspec.json.decode((directory / _NAMES).read_bytes())
        self.codes = {facet: {name: code for code, name in enumerate(names)} for facet, names in self.names.items()}

    # --- searching -------------------------------------------------------------------------------------------------

    def search(self, question: Question, *, facets: bool, documents: bool, highlights: bool) -> int:
        query = self._read(question)
        found = self._find(query, question)
        if facets:
            self.count(query)
        if highlights:
            self.mark(query, found.hits)
        elif documents:
            for _, address in found.hits:
                _ = self.searcher.doc(address)["card"]
        return int(found.count)

    def _find(self, query: Any, question: Question) -> Any:
        if question.newest:
            return self.searcher.search(query, HITS, order_by_field="published")
        return self.searcher.search(query, HITS)

    def _read(self, question: Question) -> Any:
        query = self._expand(question.words[0]) if question.shape == "prefix" else self.parse(question.text)
        if question.only:
            facet, value = question.only
            term: str | int = self.codes[facet].get(value, len(self.names[facet])) if self.coded else value
            must = tantivy.Occur.Must
            narrow = tantivy.Query.const_score_query(tantivy.Query.term_query(self.schema, facet, term), 0.0)
            query = tantivy.Query.boolean_query([(must, query), (must, narrow)])
        return query

    def parse(self, text: str) -> Any:
        if not self.titled:
            return self.index.parse_query(text, ["text"], conjunction_by_default=True)
        boosts = {"title": TITLE_SHARE}
        return self.index.parse_query(text, ["text", "title"], conjunction_by_default=True, field_boosts=boosts)

    def _expand(self, prefix: str) -> Any:
        """The words that begin so, any of them: several times as fast as tantivy's regular expressions."""
        terms = [term for term, _ in self.searcher.terms_with_prefix("text", prefix)]
        should = tantivy.Occur.Should
        return tantivy.Query.boolean_query(
            [(should, tantivy.Query.term_query(self.schema, "text", term)) for term in terms]
        )

    def count(self, query: Any) -> dict[str, list[tuple[str, int]]]:
        """The ten most frequent values of each facet."""
        counted = self.searcher.aggregate(query, self._counted)
        return {facet: [self._name(facet, bucket) for bucket in counted[facet]["buckets"]] for facet in FACETS}

    def _name(self, facet: str, bucket: dict[str, Any]) -> tuple[str, int]:
        key = bucket["key"]
        return (self.names[facet][int(key)] if self.coded else key), int(bucket["doc_count"])

    def mark(self, query: Any, hits: Any) -> list[tuple[Any, str]]:
        """Each hit's card and its snippet."""
        generator = tantivy.SnippetGenerator.create(self.searcher, query, self.schema, "text")
        documents = [self.searcher.doc(address) for _, address in hits]
        return [(document["card"][0], generator.snippet_from_doc(document).to_html()) for document in documents]

    def close(self) -> None:
        del self.searcher, self.index


def _card(story: Story) -> dict[str, Any]:
    return {
        "id": story.id,
        "title": story.title,
        "published_at": story.published_at or None,
        "curated_by": story.curated_by,
        "image_url": story.image_url or None,
        "publishers": [publisher.label for publisher in story.publishers],
        "topics": story.topics,
    }
