"""tantivy with one segment. Facets are fast fields of names or of integers. The text is one field; optionally the title
is a second one, for the ranking of Outpost."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import tantivy  # type: ignore[import-not-found,unused-ignore]  # of the group "benchmark"

from benchmarks.corpus import facet_values, searchable_text
from benchmarks.peers import FACET_SIZE, FACETS, HITS, BuildResult, count_bytes
from benchmarks.queries import BenchmarkQuery
from index.documents.story import Story
from index.engines.scoring import TITLE_SHARE
from index.readers.ndjson import AcceptedLine, iter_stories

# One thread with memory for the whole corpus writes one segment.
_HEAP = 3_500_000_000
_NAMES = "names.json"
_WITHOUT_TIME = -(2**62)


class Tantivy:
    """``coded``: facet values are integers, and a file beside the index has their names. ``titled``: a word scores in
    the whole text, and again with half the weight in the title, as in Outpost."""

    max_queries = sys.maxsize
    max_stories = sys.maxsize

    def __init__(self, *, coded: bool, titled: bool = False) -> None:
        self.coded, self.titled = coded, titled
        self.name = "tantivy" + ", codes" * coded + ", title" * titled
        self.names: dict[str, list[str]] = {facet: [] for facet in FACETS}
        self.codes: dict[str, dict[str, int]] = {facet: {} for facet in FACETS}
        self._aggregations = {facet: {"terms": {"field": facet, "size": FACET_SIZE}} for facet in FACETS}

    # --- building --------------------------------------------------------------------------------------------------

    def build(self, file: Path, directory: Path) -> BuildResult:
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
        return BuildResult(time.perf_counter() - started, count_bytes(directory), note)

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
        # The story as an answer shows it, without its text.
        builder.add_bytes_field("stored_fields", stored=True)
        return builder.build()

    def _fields_of(self, story: Story) -> dict[str, Any]:
        facets: dict[str, tuple[str, ...]] = facet_values(story)
        published = int(story.published_at.timestamp()) if story.published_at else _WITHOUT_TIME
        return {
            "text": searchable_text(story),
            "published": published,
            # tantivy decodes the base64 in which the JSON has bytes.
            "stored_fields": msgspec.json.encode(_stored_fields(story)),
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
        # Any, because the type stubs of tantivy lack SearchResult.count.
        self.searcher: Any = self.index.searcher()
        self.names = msgspec.json.decode((directory / _NAMES).read_bytes())
        self.codes = {facet: {name: code for code, name in enumerate(names)} for facet, names in self.names.items()}

    # --- searching -------------------------------------------------------------------------------------------------

    def search(self, query: BenchmarkQuery, *, facets: bool, documents: bool, highlights: bool) -> int:
        engine_query = self._read(query)
        matches = self._find(engine_query, query)
        if facets:
            self.count(engine_query)
        if highlights:
            self.highlight(engine_query, matches.hits)
        elif documents:
            for _, address in matches.hits:
                _ = self.searcher.doc(address)["stored_fields"]
        return int(matches.count)

    def _find(self, engine_query: Any, query: BenchmarkQuery) -> Any:
        if query.newest:
            return self.searcher.search(engine_query, HITS, order_by_field="published")
        return self.searcher.search(engine_query, HITS)

    def _read(self, query: BenchmarkQuery) -> Any:
        engine_query = self._expand(query.words[0]) if query.shape == "prefix" else self.parse(query.text)
        if query.facet_filter:
            facet, value = query.facet_filter
            term: str | int = self.codes[facet].get(value, len(self.names[facet])) if self.coded else value
            must = tantivy.Occur.Must
            condition = tantivy.Query.const_score_query(tantivy.Query.term_query(self.schema, facet, term), 0.0)
            engine_query = tantivy.Query.boolean_query([(must, engine_query), (must, condition)])
        return engine_query

    def parse(self, text: str) -> Any:
        if not self.titled:
            return self.index.parse_query(text, ["text"], conjunction_by_default=True)
        boosts = {"title": TITLE_SHARE}
        return self.index.parse_query(text, ["text", "title"], conjunction_by_default=True, field_boosts=boosts)

    def _expand(self, prefix: str) -> Any:
        """Any of the words with this prefix: several times faster than tantivy's regular expressions."""
        terms = [term for term, _ in self.searcher.terms_with_prefix("text", prefix)]
        should = tantivy.Occur.Should
        return tantivy.Query.boolean_query(
            [(should, tantivy.Query.term_query(self.schema, "text", term)) for term in terms]
        )

    def count(self, engine_query: Any) -> dict[str, list[tuple[str, int]]]:
        """The ten most frequent values of each facet."""
        counted = self.searcher.aggregate(engine_query, self._aggregations)
        return {facet: [self._name(facet, bucket) for bucket in counted[facet]["buckets"]] for facet in FACETS}

    def _name(self, facet: str, bucket: dict[str, Any]) -> tuple[str, int]:
        key = bucket["key"]
        return (self.names[facet][int(key)] if self.coded else key), int(bucket["doc_count"])

    def highlight(self, engine_query: Any, hits: Any) -> list[tuple[Any, str]]:
        """The stored fields and the snippet of each hit."""
        generator = tantivy.SnippetGenerator.create(self.searcher, engine_query, self.schema, "text")
        documents = [self.searcher.doc(address) for _, address in hits]
        return [
            (document["stored_fields"][0], generator.snippet_from_doc(document).to_html()) for document in documents
        ]

    def close(self) -> None:
        del self.searcher, self.index


def _stored_fields(story: Story) -> dict[str, Any]:
    return {
        "id": story.id,
        "title": story.title,
        "published_at": story.published_at or None,
        "curated_by": story.curated_by,
        "image_url": story.image_url or None,
        "publishers": [publisher.label for publisher in story.publishers],
        "topics": story.topics,
    }
