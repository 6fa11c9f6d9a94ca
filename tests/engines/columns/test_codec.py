"""Whoosh opens the index of this engine through the codec, and its own searcher finds the same documents."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from whoosh import query as wq
from whoosh.filedb.filestore import ReadOnlyError
from whoosh.index import open_dir
from whoosh.qparser import MultifieldParser
from whoosh.scoring import bm25

from index.analysis.schema import SOURCE_DEFAULTS, SOURCE_FIELDS, STORY_DEFAULTS, STORY_FIELDS, iter_tokens, term_of
from index.deadline import Deadline
from index.documents.story import Story
from index.engines import indexed
from index.engines.columns import ColumnsKind
from index.engines.columns.build.segment_writer import SegmentWriter
from index.engines.columns.build.writer import add_story, write_facets
from index.engines.columns.codec import write_toc
from index.engines.columns.format.layout import (
    SOURCES,
    STORIES,
    CollectionKind,
    SegmentEntry,
    Segments,
    deleted_path,
    read_segments,
)
from index.engines.columns.search.collection import Collection, TreeMatcher
from index.engines.columns.segment.segment import Segment
from index.engines.whoosh import WhooshKind
from index.engines.whoosh.queries import Evaluator
from index.query.requests import SearchQuery
from index.query.tree import And, Node, Or, Phrase, Term
from tests.support.factories import make_story
from tests.support.strategies import FEW, corpora, stories, trees

MANY = 10_000
CHECKED = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
STORY_NAMES, SOURCE_NAMES = (tuple(field.name for field in table) for table in (STORY_FIELDS, SOURCE_FIELDS))
# Stories, each with the number of its segment, and True if it is deleted.
placed = st.lists(
    st.tuples(stories(), st.integers(0, 2), st.booleans()), min_size=1, max_size=8, unique_by=lambda one: one[0].id
)


@dataclass
class Both:
    """One collection, opened by this engine and by Whoosh."""

    columns: Collection
    whoosh: Any
    defaults: tuple[str, ...]

    def find(self, tree: Node | None) -> set[str]:
        """The ids of the documents that this engine finds."""
        query = SearchQuery(tree=tree, search_in=self.defaults, limit=MANY)
        top = self.columns.search(TreeMatcher(tree), query, Deadline(60))
        assert top.total == len(top.docs)
        return {doc.segment.read_id(doc.number).decode() for doc in top.docs}

    def find_exhaustively(self, tree: Node | None) -> set[str]:
        """The ids of the documents that Whoosh finds, evaluating the tree leaf by leaf."""
        reader = self.whoosh.reader()
        if tree is None:
            return {stored["id"] for stored in reader.all_stored_fields()}
        found = Evaluator(self.whoosh, dict.fromkeys(self.defaults, 1.0), self._expand, Deadline(60)).match(tree)
        return {self.whoosh.stored_fields(number)["id"] for number in found if not reader.is_deleted(number)}

    def ask(self, query: wq.Query, limit: int | None = None) -> list[tuple[str, float]]:
        """The ids and scores that Whoosh's own search returns, best first."""
        return [(hit["id"], hit.score) for hit in self.whoosh.search(query, limit=limit)]

    def parse(self, text: str) -> wq.Query:
        return MultifieldParser(list(self.defaults), self.whoosh.schema).parse(text)

    def _expand(self, prefix: str) -> list[str]:
        """The terms of all words that start with ``prefix``, over all segments."""
        found = [segment.terms[number] for segment in self.columns.segments for number in segment.expand_prefix(prefix)]
        return [term.decode() for term in dict.fromkeys(found)]


@contextmanager
def open_both(directory: Path, kind: CollectionKind) -> Iterator[Both]:
    segments = read_segments(directory)
    write_toc(directory, kind, segments.of(kind))
    collection = Collection(directory, kind, segments)
    defaults = STORY_DEFAULTS if kind is STORIES else SOURCE_DEFAULTS
    with open_dir(str(directory / kind.name)).searcher() as searcher:
        yield Both(collection, searcher, defaults)
    collection.close()


@contextmanager
def serve(corpus: Sequence[Story], kind: CollectionKind = STORIES) -> Iterator[Both]:
    """A collection of a generation built from ``corpus``."""
    with tempfile.TemporaryDirectory() as name:
        build(Path(name), corpus)
        with open_both(Path(name), kind) as both:
            yield both


@contextmanager
def serve_placed(corpus: Sequence[tuple[Story, int, bool]]) -> Iterator[Both]:
    """The stories of a generation with three segments and some deleted documents."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        labels: dict[str, dict[str, str]] = {}
        for story, _, _ in corpus:
            for facet, values in indexed.labels_of(story).items():
                labels.setdefault(facet, {}).update(values)
        entries = [_write_segment(directory, number, corpus, labels) for number in range(3)]
        (directory / "segments.json").write_bytes(msgspec.json.encode(Segments(tuple(entries), ())))
        write_facets(directory, labels)
        with open_both(directory, STORIES) as both:
            yield both


def _write_segment(
    directory: Path, number: int, corpus: Sequence[tuple[Story, int, bool]], labels: dict[str, dict[str, str]]
) -> SegmentEntry:
    entry = f"{number + 1:04}"
    writer = SegmentWriter(directory / STORIES.name / entry, STORIES)
    gone = {story.id for story, place, deleted in corpus if place == number and deleted}
    for story, place, _ in corpus:
        if place == number:
            add_story(writer, story, indexed.labels_of(story))
    size = writer.finish(labels)
    if gone:
        deleted = deleted_path(directory, STORIES, entry)
        segment = Segment(directory / STORIES.name / entry, STORIES, None)
        np.save(deleted, np.array([segment.read_id(at).decode() in gone for at in range(size)], np.uint8))
    return SegmentEntry(entry, size, len(gone))


def build(directory: Path, corpus: Sequence[Story]) -> None:
    writer = ColumnsKind().make_writer(directory)
    for story in corpus:
        writer.add(story)
    writer.finish()


# --- search results ----------------------------------------------------------------------------------------


@CHECKED
@given(corpora, st.lists(trees(STORY_NAMES), min_size=5, max_size=12))
def test_whoosh_finds_the_stories_that_the_engine_finds(corpus: list[Story], queries: list[Node | None]) -> None:
    with serve(corpus) as both:
        for tree in queries:
            assert both.find_exhaustively(tree) == both.find(tree)


@CHECKED
@given(corpora, st.lists(trees(SOURCE_NAMES), min_size=5, max_size=12))
def test_whoosh_finds_the_sources_that_the_engine_finds(corpus: list[Story], queries: list[Node | None]) -> None:
    with serve(corpus, SOURCES) as both:
        for tree in queries:
            assert both.find_exhaustively(tree) == both.find(tree)


@CHECKED
@given(placed, st.lists(trees(STORY_NAMES), min_size=5, max_size=12))
def test_both_find_the_same_in_several_segments_with_deletions(
    corpus: list[tuple[Story, int, bool]], queries: list[Node | None]
) -> None:
    with serve_placed(corpus) as both:
        for tree in queries:
            assert both.find_exhaustively(tree) == both.find(tree)


_words = st.lists(st.sampled_from((*FEW, "relations", "東京")), min_size=1, max_size=3)


@CHECKED
@given(placed, st.lists(_words, min_size=3, max_size=8))
def test_queries_of_whooshs_own_parser_find_the_same(
    corpus: list[tuple[Story, int, bool]], queries: list[list[str]]
) -> None:
    with serve_placed(corpus) as both:
        for words in queries:
            terms = tuple(term_of(word) or word for word in words)
            leaves = tuple(map(Term, words, terms))
            for text, tree in (
                (" ".join(words), And(leaves)),
                (" OR ".join(words), Or(leaves)),
                (f'"{" ".join(words)}"', Phrase(tuple(words), terms)),
            ):
                hits = both.ask(both.parse(text))
                assert {ident for ident, _ in hits} == both.find(tree)
                # With Whoosh's own files, searches of several fields with a limit lose hits.
                best = [score for _, score in both.ask(both.parse(text), limit=2)]
                assert best == pytest.approx([score for _, score in hits[:2]])


def test_phrases_match_by_positions_within_one_field() -> None:
    corpus = [
        make_story("1", title="Open letter", summary="a ferry to the open sea"),
        make_story("2", title="Sea open", summary="open the sea, open water"),
        make_story("3", title="Open", summary="sea"),
    ]
    with serve(corpus) as both:
        found = {text: {ident for ident, _ in both.ask(both.parse(text))} for text in ('"open sea"', '"sea open"')}
        assert found == {'"open sea"': {"1", "2"}, '"sea open"': {"2"}}
        assert both.ask(wq.Phrase("summary", ["open", "water"], slop=3)) != []
        assert both.ask(wq.Phrase("title", ["open", "sea"])) == []


def test_fuzzy_words_wildcards_and_ids_are_found() -> None:
    with serve(
        [make_story("a", title="Ferry"), make_story("b", title="Berry"), make_story("c.1", title="Storm")]
    ) as both:
        assert {ident for ident, _ in both.ask(wq.FuzzyTerm("title", "derri", prefixlength=0))} == {"a", "b"}
        assert {ident for ident, _ in both.ask(wq.Wildcard("title", "*rr?"))} == {"a", "b"}
        assert {ident for ident, _ in both.ask(wq.Prefix("id", "c"))} == {"c.1"}
        assert both.whoosh.document(id="b")["id"] == "b"
        assert both.whoosh.document_number(id="B") is None


# --- the reader ---------------------------------------------------------------------------------------------


@CHECKED
@given(corpora)
def test_the_reader_agrees_with_whooshs_reader_of_its_own_files(corpus: list[Story]) -> None:
    with tempfile.TemporaryDirectory() as name, serve(corpus) as both:
        writer = WhooshKind().make_writer(Path(name))
        for story in corpus:
            writer.add(story)
        writer.finish()
        with open_dir(str(Path(name) / "stories")).reader() as plain:
            assert _describe(both.whoosh.reader()) == _describe(plain)


def _describe(reader: Any) -> dict[str, Any]:
    """All properties that must be the same; document numbers differ, and Whoosh's own files round field lengths."""
    # Taken from the stored JSON: Whoosh's own files do not store the id elsewhere.
    ids = {number: msgspec.json.decode(stored["document"])["id"] for number, stored in reader.iter_docs()}
    terms = list(reader.all_terms())
    postings = {}
    # Positions differ if a text starts with stop words, so only the distances between positions are compared.
    first: dict[tuple[str, str], int] = {}
    for name, text in terms:
        matcher = reader.postings(name, text)
        found = {}
        while matcher.is_active():
            places = matcher.value_as("positions") if name != "id" else []
            found[ids[matcher.id()]] = (matcher.weight(), places)
            first[name, ids[matcher.id()]] = min([*places, first.get((name, ids[matcher.id()]), MANY)])
            matcher.next()
        postings[name, text] = found
    placed = {
        (term, ident): (weight, [place - first[term[0], ident] for place in places])
        for term, found in postings.items()
        for ident, (weight, places) in found.items()
    }
    return {
        "counts": (reader.doc_count(), reader.doc_count_all(), reader.has_deletions()),
        "documents": {stored["document"] for stored in reader.all_stored_fields()},
        "terms": terms,
        "lexicons": {name: list(reader.lexicon(name)) for name in ("id", *STORY_NAMES)},
        "prefixes": {name: list(reader.expand_prefix(name, "c")) for name in STORY_NAMES},
        "frequencies": {term: (reader.frequency(*term), reader.doc_frequency(*term)) for term in terms},
        "unknown": (reader.frequency("title", "none"), reader.doc_frequency("id", "none"), ("title", "none") in reader),
        "lengths": {name: reader.field_length(name) for name in STORY_NAMES},
        "most": {(term, info.max_weight()) for term, info in reader},
        "postings": placed,
    }


@CHECKED
@given(placed)
def test_counts_lengths_and_documents_are_those_of_the_stories(corpus: list[tuple[Story, int, bool]]) -> None:
    words = {
        story.id: {
            name: [term for term, _, _ in iter_tokens(text)] for name, text in indexed.text_of_story(story).items()
        }
        for story, _, _ in corpus
    }
    with serve_placed(corpus) as both:
        reader = both.whoosh.reader()
        ids = [reader.stored_fields(number)["id"] for number in range(reader.doc_count_all())]
        gone = {story.id for story, _, deleted in corpus if deleted}
        assert sorted(ids) == sorted(words)
        assert {ident for number, ident in enumerate(ids) if reader.is_deleted(number)} == gone
        assert reader.doc_count() == len(ids) - len(gone)
        assert {reader.stored_fields(n)["document"] for n in reader.all_doc_ids()} == {
            msgspec.json.encode(story) for story, _, deleted in corpus if not deleted
        }
        assert {ident for ident in ids if both.whoosh.document_number(id=ident) is not None} == set(ids) - gone
        for name in STORY_NAMES:
            lengths = [len(words[ident][name]) for ident in ids]
            assert [reader.doc_field_length(number, name) for number in range(len(ids))] == lengths
            assert (reader.field_length(name), reader.max_field_length(name)) == (sum(lengths), max(lengths))
        assert list(reader.all_terms()) == sorted(
            {("id", ident.encode()) for ident in ids}
            | {(name, term.encode()) for fields in words.values() for name, terms in fields.items() for term in terms}
        )


def test_bm25_uses_exact_field_lengths() -> None:
    """Whoosh's own files would round 19 words to 18."""
    titles = {str(size): " ".join(["storm", *(f"w{n}" for n in range(size - 1))]) for size in (1, 11, 19, 200, 3001)}
    with serve([make_story(ident, title=title) for ident, title in titles.items()]) as both:
        idf, mean = both.whoosh.idf("title", "storm"), sum(map(int, titles)) / len(titles)
        scores = dict(both.ask(wq.Term("title", "storm")))
        assert scores == pytest.approx({ident: bm25(idf, 1, int(ident), mean, 0.75, 1.2) for ident in titles})


# --- the table of contents -----------------------------------------------------------------------------------


def test_a_collection_without_documents_opens() -> None:
    with serve([]) as both:
        reader = both.whoosh.reader()
        assert (reader.doc_count(), list(reader.all_terms()), reader.max_field_length("title")) == (0, [], 0)
        assert both.ask(both.parse("ferry")) == []


def test_it_opens_by_any_path_and_after_it_was_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(tmp_path / "one", [make_story("1"), make_story("2")])
    np.save(deleted_path(tmp_path / "one", STORIES, "0001"), np.array([0, 1], np.uint8))
    write_toc(tmp_path / "one", STORIES, (SegmentEntry("0001", 2, 1),))
    shutil.move(tmp_path / "one" / "stories", tmp_path / "other")
    monkeypatch.chdir(tmp_path / "other")
    for path in (".", str(tmp_path / "other")):
        assert open_dir(path).doc_count() == 1


def test_a_second_table_replaces_the_first_and_leaves_nothing_behind(tmp_path: Path) -> None:
    build(tmp_path, [make_story("1")])
    entries = read_segments(tmp_path).stories
    write_toc(tmp_path, STORIES, entries)
    before = {path.name for path in (tmp_path / "stories").iterdir()}
    write_toc(tmp_path, STORIES, entries)
    assert {path.name for path in (tmp_path / "stories").iterdir()} == before
    assert (tmp_path / "stories" / "_MAIN_1.toc").stat().st_nlink == 1


def test_nothing_can_be_written_through_whoosh(tmp_path: Path) -> None:
    build(tmp_path, [make_story("1")])
    write_toc(tmp_path, STORIES, read_segments(tmp_path).stories)
    index = open_dir(str(tmp_path / "stories"))
    with pytest.raises(ReadOnlyError):
        index.writer()
    assert index.doc_count() == 1


def test_a_collection_without_segments_opens(tmp_path: Path) -> None:
    write_toc(tmp_path, SOURCES, ())
    assert open_dir(str(tmp_path / "sources")).doc_count() == 0
