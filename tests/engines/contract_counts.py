"""What index/engines/base.py promises of counts over time and of reading everything out."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from index.documents.story import Story
from index.engines.indexed import microseconds
from index.query.recency import recency_factor
from index.query.requests import Interval, NumberName, SearchQuery, Sort
from index.query.results import NumberStats
from index.query.timeline import bucket_start
from tests.engines import brute_force
from tests.engines.brute_force import BruteForce
from tests.engines.contract_lookups import CHECKED, ServesCorpora
from tests.support.strategies import corpora, story_queries


class CountingContract(ServesCorpora):
    @CHECKED
    @given(corpora, st.lists(story_queries, min_size=5, max_size=12), st.sampled_from(Interval))
    def test_times_are_counted_as_reading_every_story_counts_them(
        self, corpus: list[Story], queries: list[SearchQuery], interval: Interval
    ) -> None:
        truth = BruteForce(corpus)
        with self.serve(corpus) as engine:
            for query in queries:
                times = [story.published_at or None for story in truth.match_stories(query)]
                expected = Counter(bucket_start(time, interval) for time in times if time)
                assert engine.date_histogram(query, interval) == (expected, times.count(None))

    @CHECKED
    @given(
        corpora, st.lists(story_queries, min_size=5, max_size=12),
        st.sampled_from(("source_count", "published_at")), st.integers(1, 3),
    )  # fmt: skip
    def test_numbers_are_measured_as_reading_every_story_measures_them(
        self, corpus: list[Story], queries: list[SearchQuery], number: NumberName, size: int
    ) -> None:
        truth = BruteForce(corpus)
        with self.serve(corpus) as engine:
            for query in queries:
                found = truth.match_stories(query)
                times = [microseconds(story.published_at or None) for story in found]
                seconds = [time // 1_000_000 for time in times if time is not None]
                numbers = sorted(seconds if number != "source_count" else [len(story.sources) for story in found])
                values = tuple(Counter(numbers).most_common(size))
                expected = NumberStats(
                    count=len(numbers),
                    low=(numbers or [0])[0],
                    high=(numbers or [0])[-1],
                    total=sum(numbers),
                    values=values,
                )
                assert engine.measure(query, number, size) == expected

    @CHECKED
    @given(corpora, st.lists(story_queries, min_size=5, max_size=12), st.sampled_from((0.2, 1.0)))
    def test_recency_weighs_scores_and_nothing_else(
        self, corpus: list[Story], queries: list[SearchQuery], recency: float
    ) -> None:
        times = {story.id: microseconds(story.published_at or None) for story in corpus}
        newest = max((time for time in times.values() if time is not None), default=0)
        with self.serve(corpus) as engine:
            for query in queries:
                asked = replace(query, sort=Sort.RELEVANCE, offset=0, limit=100, recency=0.0)
                plain, weighed = (engine.search_stories(replace(asked, recency=share)) for share in (0.0, recency))
                expected = {hit.id: hit.score * recency_factor(recency, times[hit.id], newest) for hit in plain.hits}
                assert {hit.id: hit.score for hit in weighed.hits} == pytest.approx(expected, rel=1e-5)
                assert (weighed.total, weighed.facets) == (plain.total, plain.facets)
                other = replace(asked, sort=Sort.NEWEST)
                assert engine.search_stories(replace(other, recency=recency)) == engine.search_stories(other)

    @CHECKED
    @given(corpora, st.lists(story_queries, min_size=5, max_size=12))
    def test_every_match_is_read_out_in_order_as_it_came_in(
        self, corpus: list[Story], queries: list[SearchQuery]
    ) -> None:
        truth = BruteForce(corpus)
        with self.serve(corpus) as engine:
            for query in queries:
                read = [msgspec.json.decode(line, type=Story) for line in engine.iter_documents(query)]
                expected = truth.match_stories(query)
                assert sorted(read, key=_id) == sorted(expected, key=_id)
                if query.sort is not Sort.RELEVANCE:
                    keys = [brute_force.story_order(story, 0.0, query.sort) for story in read]
                    assert keys == sorted(keys)
                page = engine.search_stories(replace(query, offset=0, limit=100))
                assert [story.id for story in read] == [hit.id for hit in page.hits]


def _id(story: Story) -> str:
    return story.id
