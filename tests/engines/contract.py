"""What index/engines/base.py promises, as tests that every engine inherits.

Hypothesis makes small corpora and questions; tests/engines/brute_force.py says what is right. A subclass names
its engine::

    class TestWhoosh(EngineContract):
        kind = WhooshKind()
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from index.analysis.schema import STORY_DEFAULTS
from index.documents.stored_hit import encode_hit
from index.documents.story import Story, parse_story
from index.errors import IndexDamaged, IndexUnavailable, QueryTimeout
from index.query.highlight import HitHighlighter, query_terms
from index.query.language import format_query, parse_query
from index.query.requests import (
    FACETS,
    FacetRequest,
    Filters,
    HighlightOptions,
    SearchQuery,
    Sort,
    SourceQuery,
    ValueFilter,
)
from index.query.results import IndexStatus
from index.query.tree import NOTHING, And, Node, Not, Or, Prefix
from tests.engines import brute_force
from tests.engines.brute_force import BruteForce
from tests.engines.contract_counts import CountingContract
from tests.engines.contract_extremes import ExtremeContract
from tests.engines.contract_fuzzy_terms import NearWordContract
from tests.engines.contract_lookups import CHECKED
from tests.engines.contract_suggestions import SuggestionContract
from tests.support.clock import set_clock
from tests.support.factories import SAMPLE, make_story
from tests.support.strategies import corpora, markings, query_texts, source_queries, story_queries

MANY = 10_000
# How three nodes can stand together.
SHAPES: tuple[Callable[[Node, Node, Node], Node], ...] = (
    lambda a, b, c: And((a, b, c)),
    lambda a, b, c: And((a, Not(b))),
    lambda a, b, c: Or((a, b, c)),
    lambda a, b, c: And((a, Or((b, c)))),
    lambda a, b, c: Or((a, And((b, c)))),
    lambda a, b, c: And((a, Not(Or((b, c))))),
    lambda a, b, c: Or((Not(And((a, b))), c)),
)


class EngineContract(CountingContract, NearWordContract, SuggestionContract, ExtremeContract):
    """Inherit it and set ``kind``: searches and misfortunes here, the rest in the classes that it inherits."""

    # --- searching stories ---------------------------------------------------------------------------------

    @CHECKED
    @given(corpora, st.lists(story_queries, min_size=5, max_size=12))
    def test_a_search_finds_what_reading_every_story_finds(
        self, corpus: list[Story], queries: list[SearchQuery]
    ) -> None:
        truth = BruteForce(corpus)
        with self.serve(corpus) as engine:
            for query in queries:
                expected = {story.id for story in truth.match_stories(query)}
                page = engine.search_stories(_all_of(query))
                assert {hit.id for hit in page.hits} == expected
                assert len(page.hits) == page.total == len(expected)
                assert all(hit.stored_hit == encode_hit(truth.stories[hit.id]) for hit in page.hits)

    @pytest.mark.parametrize("seed", range(3))
    def test_every_small_query_over_every_mixture_of_words_finds_what_reading_finds(self, seed: int) -> None:
        random = Random(seed)
        corpus = [
            make_story(str(n), title=f"Story {title}", summary=" ".join(words))
            for n, (title, *words) in enumerate(
                product(("ferry", "robot", "x"), ("ferry", "x"), ("robot", "x"), ("ferries", "x"))
            )
        ]
        random.shuffle(corpus)
        leaves = [
            parse_query(text, ("title",)) for text in ("ferry", "title:robot", "robot", '"ferry robot"', "ferri*")
        ]
        signed = [*leaves, *map(Not, leaves)]
        queries = [shape(*nodes) for shape in SHAPES for nodes in random.sample(list(product(signed, repeat=3)), 60)]
        truth = BruteForce(corpus)
        with self.serve(corpus) as engine:
            for tree in queries:
                query = SearchQuery(tree=tree, limit=MANY)
                found = {hit.id for hit in engine.search_stories(query).hits}
                assert found == {story.id for story in truth.match_stories(query)}, format_query(tree)

    @CHECKED
    @given(corpora, st.lists(story_queries, min_size=5, max_size=12))
    def test_hits_are_in_the_order_asked_for_with_ties_by_newest_then_id(
        self, corpus: list[Story], queries: list[SearchQuery]
    ) -> None:
        truth = BruteForce(corpus)
        with self.serve(corpus) as engine:
            for query in queries:
                hits = engine.search_stories(_all_of(query)).hits
                keys = [brute_force.story_order(truth.stories[hit.id], hit.score, query.sort) for hit in hits]
                assert keys == sorted(keys)

    @CHECKED
    @given(corpora, story_queries)
    def test_sorting_does_not_change_what_matches(self, corpus: list[Story], query: SearchQuery) -> None:
        with self.serve(corpus) as engine:
            pages = [engine.search_stories(_all_of(query, sort=sort)) for sort in Sort]
        assert len({page.total for page in pages}) == 1
        assert len({frozenset(hit.id for hit in page.hits) for page in pages}) == 1

    @CHECKED
    @given(corpora, st.lists(story_queries, min_size=5, max_size=12))
    def test_a_page_is_a_part_of_the_whole_list(self, corpus: list[Story], queries: list[SearchQuery]) -> None:
        with self.serve(corpus) as engine:
            for query in queries:
                whole = engine.search_stories(_all_of(query))
                page = engine.search_stories(query)
                assert page.hits == whole.hits[query.offset : query.offset + query.limit]
                assert page.total == whole.total
                assert page.facets == whole.facets

    @CHECKED
    @given(corpora, st.lists(story_queries, min_size=5, max_size=12))
    def test_facets_count_what_reading_every_story_counts(
        self, corpus: list[Story], queries: list[SearchQuery]
    ) -> None:
        truth = BruteForce(corpus)
        with self.serve(corpus) as engine:
            for query in queries:
                facets = engine.search_stories(query).facets
                assert facets == {
                    name: truth.count_facet(name, query, engine.find_labels(name)) for name in query.facets.names
                }

    @CHECKED
    @given(corpora, st.lists(story_queries, min_size=5, max_size=12), markings)
    def test_hits_are_marked_as_reading_their_texts_marks_them(
        self, corpus: list[Story], queries: list[SearchQuery], highlighting: HighlightOptions
    ) -> None:
        truth = BruteForce(corpus)
        with self.serve(corpus) as engine:
            for query in queries:
                asked = _all_of(replace(query, highlighting=highlighting))
                highlighter = HitHighlighter(asked, highlighting, engine.find_idfs(query_terms(query.tree)))
                for hit in engine.search_stories(asked).hits:
                    assert hit.highlights == highlighter.highlight(truth.stories[hit.id])
                assert {hit.highlights for hit in engine.search_stories(_all_of(query)).hits} <= {b""}

    def test_scores_are_zero_where_nothing_was_asked_for_by_words(self) -> None:
        with self.serve([make_story("1"), make_story("2")]) as engine:
            assert {hit.score for hit in engine.search_stories(SearchQuery()).hits} == {0.0}

    def test_a_story_that_says_the_word_in_its_title_comes_before_one_that_says_it_in_passing(self) -> None:
        passing = make_story(
            "1", title="Harbour news", sections=[{"paragraphs": [{"text": "a robot " + "and so on " * 40}]}]
        )
        corpus = [passing, make_story("2", title="A robot"), make_story("3", title="Ferries")]
        with self.serve(corpus) as engine:
            page = engine.search_stories(SearchQuery(tree=parse_query("robot", ()), sort=Sort.RELEVANCE))
        assert [hit.id for hit in page.hits] == ["2", "1"]

    def test_nothing_matches_the_query_for_nothing(self) -> None:
        with self.serve([make_story("1")]) as engine:
            assert engine.search_stories(SearchQuery(tree=NOTHING)).total == 0
            assert engine.search_sources(SourceQuery(tree=NOTHING)).total == 0

    def test_a_prefix_finds_words_that_stemming_makes_shorter_than_it(self) -> None:
        with self.serve([make_story("1", title="Relations"), make_story("2", title="Ferries")]) as engine:
            page = engine.search_stories(SearchQuery(tree=Prefix("relati")))
        assert [hit.id for hit in page.hits] == ["1"]

    def test_a_prefix_finds_a_word_whose_lower_case_is_longer(self) -> None:
        with self.serve([make_story("1", title="İstanbul"), make_story("2", title="Ferries")]) as engine:
            page = engine.search_stories(SearchQuery(tree=parse_query("İst*", ())))
        assert [hit.id for hit in page.hits] == ["1"]

    def test_unknown_facet_values_match_nothing_and_exclude_nothing(self) -> None:
        unknown = frozenset({"unheard-of"})
        with self.serve([make_story("1", topics=["AI"])]) as engine:
            for facet in FACETS:
                wanted = Filters(values=(ValueFilter(facet=facet, any_of=unknown),))
                unwanted = Filters(values=(ValueFilter(facet=facet, none_of=unknown),))
                assert engine.search_stories(SearchQuery(filters=wanted)).total == 0
                assert engine.search_stories(SearchQuery(filters=unwanted)).total == 1

    def test_a_selected_facet_value_is_listed_even_at_zero_and_beyond_the_size(self) -> None:
        corpus = [make_story(str(n), topics=["AI", "Robots"]) for n in range(3)]
        query = SearchQuery(
            filters=Filters(values=(ValueFilter(facet="topic", any_of=frozenset({"ai", "zebras"})),)),
            facets=FacetRequest(names=("topic",), size=1),
        )
        with self.serve(corpus) as engine:
            facet = engine.search_stories(query).facets["topic"]
        assert [(v.value, v.label, v.count, v.selected) for v in facet.values] == [
            ("ai", "AI", 3, True),
            ("zebras", "zebras", 0, True),
        ]
        assert (facet.other, facet.missing) == (3, 0)

    def test_the_clock_is_looked_at_between_long_hits_that_are_marked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        corpus = [make_story(str(n), title="A robot", summary="robot " * 16_000) for n in range(8)]
        query = SearchQuery(tree=parse_query("robot", ()), highlighting=HighlightOptions(), limit=1)
        with self.serve(corpus) as engine:
            clock = set_clock(monkeypatch, 0.1)
            engine.search_stories(query)
            # A look later it would be too late.
            seconds = 0.1 * clock.looks + 0.05
            assert engine.search_stories(replace(query, seconds=seconds)).total == 8
            with pytest.raises(QueryTimeout):
                engine.search_stories(replace(query, limit=8, seconds=seconds + 0.5))

    # --- searching sources ---------------------------------------------------------------------------------

    @CHECKED
    @given(corpora, st.lists(source_queries, min_size=5, max_size=12))
    def test_a_source_search_finds_what_reading_every_source_finds(
        self, corpus: list[Story], queries: list[SourceQuery]
    ) -> None:
        truth = BruteForce(corpus)
        with self.serve(corpus) as engine:
            for query in queries:
                whole = engine.search_sources(_all_sources(query))
                expected = {record.id for record in truth.match_sources(query)}
                assert {record.id for record, _ in whole.hits} == expected
                assert len(whole.hits) == whole.total == len(expected)
                keys = [brute_force.source_order(record, score) for record, score in whole.hits]
                assert keys == sorted(keys)
                page = engine.search_sources(query)
                assert page.hits == whole.hits[query.offset : query.offset + query.limit]
                assert page.total == whole.total

    @CHECKED
    @given(corpora)
    def test_a_source_holds_what_its_stories_say_of_it_merged(self, corpus: list[Story]) -> None:
        truth = BruteForce(corpus)
        with self.serve(corpus) as engine:
            assert {ident: engine.find_source(ident) for ident in truth.sources} == truth.sources
            assert {record.id for record, _ in engine.search_sources(SourceQuery(limit=MANY)).hits} == set(
                truth.sources
            )

    def test_an_empty_publisher_does_not_hide_the_name_that_another_story_gives(self) -> None:
        url = "https://example.com/a"
        corpus = [
            make_story("1", sources=[{"url": url, "publisher": {}}]),
            make_story("2", sources=[{"url": url, "publisher": {"name": "Reuters"}}]),
        ]
        with self.serve(corpus) as engine:
            record = engine.find_source(corpus[0].source_ids()[0])
        assert record is not None
        assert record.source.publisher
        assert record.source.publisher.name == "Reuters"
        assert record.story_ids == ("1", "2")

    # --- many at once, and when things go wrong ------------------------------------------------------------

    def test_threads_that_ask_at_once_get_the_answers_of_one_that_asks_alone(self) -> None:
        corpus = list(map(parse_story, SAMPLE.read_bytes().splitlines()))
        names = (
            "robot",
            "ferry OR harbour",
            '"mooring line"',
            "title:robot",
            "rob*",
            "-robot",
            "the company",
            "work chips",
        )
        with self.serve(corpus) as engine:
            asks: list[Callable[[], object]] = []
            for text in names:
                query = SearchQuery(
                    tree=parse_query(text, ("title",)), facets=FacetRequest(names=FACETS), sort=Sort.RELEVANCE
                )
                asks.append(lambda query=query: engine.search_stories(query))
                asks.append(lambda tree=query.tree: engine.search_sources(SourceQuery(tree=tree)))
            for story in corpus[:8]:
                asks.append(lambda story=story: engine.find_similar(story, 5, frozenset()))
                asks.append(lambda story=story: engine.find_stories([story.id]))
                asks.append(lambda story=story: [engine.find_source(ident) for ident in story.source_ids()])
            alone = [ask() for ask in asks]
            with ThreadPoolExecutor(8) as pool:
                for _ in range(3):
                    assert list(pool.map(lambda ask: ask(), asks)) == alone

    @settings(CHECKED, max_examples=20)
    @given(st.lists(query_texts, min_size=1, max_size=20))
    def test_no_text_that_a_person_types_is_an_error(self, texts: list[str]) -> None:
        with self.serve([make_story("1", title="Relative chips of İstanbul")]) as engine:
            for text in texts:
                for match_any in (False, True):
                    tree = parse_query(text, ("title", "source"), match_any=match_any)
                    assert engine.search_stories(SearchQuery(tree=tree, search_in=STORY_DEFAULTS)).total in (0, 1)

    def test_a_directory_without_files_is_told_as_damaged(self, tmp_path: Path) -> None:
        with pytest.raises(IndexDamaged):
            self.kind.open(tmp_path, IndexStatus(stories=1, sources=0, publishers=0, newest=None))

    def test_files_that_vanish_under_an_open_engine_never_raise_an_error_of_its_own_make(self, tmp_path: Path) -> None:
        corpus = [make_story("1", title="A robot", sources=[{"title": "Robots"}])]
        engine = self.kind.open(tmp_path, self.build(tmp_path, corpus))
        shutil.rmtree(tmp_path)
        tree = parse_query("robot", ())
        asks: list[Callable[[], object]] = [
            lambda: engine.search_stories(SearchQuery(tree=tree)).total,
            lambda: engine.search_sources(SourceQuery(tree=tree)).total,
            lambda: len(engine.find_stories(["1"])),
            lambda: engine.find_source("1:1") is not None,
        ]
        for ask in asks:
            try:
                assert ask() == 1
            except IndexUnavailable:
                continue
        engine.close()

    def test_an_engine_that_is_closed_holds_no_file(self, tmp_path: Path) -> None:
        engine = self.kind.open(tmp_path, self.build(tmp_path, [make_story("1", sources=[{"title": "A"}])]))
        engine.search_stories(SearchQuery(tree=parse_query("story", ())))
        engine.search_sources(SourceQuery(tree=parse_query("a", ())))
        engine.close()
        assert not _open_files(tmp_path)

    def test_a_writer_that_aborts_holds_no_file(self, tmp_path: Path) -> None:
        writer = self.kind.make_writer(tmp_path)
        writer.add(make_story("1", sources=[{"title": "A"}]))
        writer.abort()
        assert not _open_files(tmp_path)


def _all_of(query: SearchQuery, **changes: object) -> SearchQuery:
    return replace(query, offset=0, limit=MANY, **changes)  # type: ignore[arg-type]


def _all_sources(query: SourceQuery) -> SourceQuery:
    return replace(query, offset=0, limit=MANY)


def _open_files(directory: Path) -> list[str]:
    """The files below ``directory`` that this process has open."""
    opened = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = str(link.readlink())
        except FileNotFoundError:
            continue
        if target.startswith(str(directory)):
            opened.append(target)
    return opened
