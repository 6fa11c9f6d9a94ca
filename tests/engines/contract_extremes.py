"""What index/engines/base.py promises holds for stories of extreme texts; tests/engines/contract.py has the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import pytest
from hypothesis import given, settings

from index.analysis.folding import parse_typed_text
from index.analysis.schema import WORD, term_of
from index.documents.story import Story
from index.engines.base import Engine
from index.query.highlight import HitHighlighter, query_terms
from index.query.requests import FACETS, FacetRequest, HighlightOptions, SearchQuery, Sort, SourceQuery
from index.query.tree import And, Node, Or, Phrase, Prefix, Term
from tests.engines.brute_force import BruteForce, texts_of_story
from tests.engines.contract_lookups import CHECKED, ServesCorpora
from tests.support.extremes import EXTREMES, extreme_corpora, make_extreme
from tests.support.factories import make_story

OTHERS = (make_story("a", title="A robot", topics=["AI"]), make_story("b", title="Chips", summary="x of w1"))


class ExtremeContract(ServesCorpora):
    """Segments of one such story, added to others, merged with them, and taken out again."""

    @pytest.mark.parametrize("name", EXTREMES)
    def test_a_story_of_an_extreme_text_is_found_wherever_it_is(self, name: str) -> None:
        story = make_extreme("1", EXTREMES[name])
        with self.serve([story]) as engine:
            check_everything(engine, [story])
        with self.make_directories(4) as (base, added, merged, deleted):
            writer = self.kind.make_writer(base)
            for other in OTHERS:
                writer.add(other)
            writer.finish()
            updater = self.kind.make_updater(added, base)
            updater.add(story)
            with self.open(added, updater.finish()) as engine:
                check_everything(engine, [*OTHERS, story])
            with self.open(merged, self.kind.make_updater(merged, added).merge()) as engine:
                check_everything(engine, [*OTHERS, story])
            updater = self.kind.make_updater(deleted, merged)
            assert updater.delete("1")
            with self.open(deleted, updater.finish()) as engine:
                check_everything(engine, OTHERS)

    @settings(CHECKED, max_examples=8)
    @given(extreme_corpora)
    def test_extreme_stories_are_found_and_marked_as_by_reading_them(self, corpus: list[Story]) -> None:
        with self.serve(corpus) as engine:
            check_everything(engine, corpus)


def check_everything(engine: Engine, corpus: Sequence[Story]) -> None:
    """Searches with marks and facets, sources, suggestions, near words, similar stories, and the export."""
    truth = BruteForce(corpus)
    for tree in iter_trees(corpus[-1]):
        query = SearchQuery(
            tree=tree,
            sort=Sort.RELEVANCE,
            facets=FacetRequest(names=FACETS),
            limit=100,
            highlighting=HighlightOptions(words=5),
        )
        page = engine.search_stories(query)
        assert {hit.id for hit in page.hits} == {story.id for story in truth.match_stories(query)}
        assert page.facets == {name: truth.count_facet(name, query, engine.find_labels(name)) for name in FACETS}
        highlighter = HitHighlighter(query, HighlightOptions(words=5), engine.find_idfs(query_terms(tree)))
        for hit in page.hits:
            assert hit.highlights == highlighter.highlight(truth.stories[hit.id])
        sources = SourceQuery(tree=tree, limit=100)
        found = {record.id for record, _ in engine.search_sources(sources).hits}
        assert found == {record.id for record in truth.match_sources(sources)}
    for story in corpus:
        assert story.id not in {other.id for other, _ in engine.find_similar(story, 5, frozenset())}
    for word in WORD.findall(corpus[-1].title)[:1]:
        engine.fuzzy_terms(word[:30].lower(), 2)
        if typed := parse_typed_text(word[:200]):
            for kind in ("query", "topic", "publisher", "story"):
                engine.complete(kind, typed, 3)
    assert engine.find_stories([story.id for story in corpus]) == list(corpus)
    exported = set(engine.iter_documents(SearchQuery()))
    assert exported == {msgspec.json.encode(story) for story in corpus}


def iter_trees(story: Story) -> Iterator[Node | None]:
    """Queries for words of a story: first and last ones, prefixes, phrases, all of some."""
    yield None
    texts = texts_of_story(story)
    words = [word for text in texts.values() for word in WORD.findall(text)]
    terms = [Term(word, term) for word in words if (term := term_of(word)) is not None]
    for word in dict.fromkeys([*words[:1], max(words, key=len, default="chip")]):
        yield Prefix(word.lower()[:3])
        yield Prefix(word.lower()[:250], "title")
    if not terms:
        return
    some = dict.fromkeys([*terms[:2], *terms[-2:], max(terms, key=lambda term: len(term.term))])
    yield from some
    yield And(tuple(some))
    yield Or((*some, Prefix("x"), Term("robot", "robot", "title")))
    for size in (2, 30):
        yield Phrase(tuple(term.text for term in terms[:size]), tuple(term.term for term in terms[:size]))
    yield Phrase(("no", "such"), (terms[0].term, terms[0].term), "title")
