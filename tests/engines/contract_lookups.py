"""What index/engines/base.py promises of looking up and of similar stories; tests/engines/contract.py has the rest."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from index.documents.identity import slug_of
from index.documents.story import Story
from index.engines.base import Engine, EngineKind
from index.query.requests import FACETS
from index.query.results import IndexStatus
from tests.engines import brute_force
from tests.engines.brute_force import BruteForce
from tests.support.factories import make_story
from tests.support.strategies import IDS, corpora, stories

# Every engine inherits the same tests, and each runs them on itself.
CHECKED = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


class ServesCorpora:
    """Builds with the engine ``kind`` and opens what was built."""

    kind: ClassVar[EngineKind]

    @contextmanager
    def serve(self, corpus: Sequence[Story]) -> Iterator[Engine]:
        """An engine over a generation of ``corpus``."""
        with self.make_directories(1) as (directory,), self.open(directory, self.build(directory, corpus)) as engine:
            yield engine

    @contextmanager
    def make_directories(self, count: int) -> Iterator[list[Path]]:
        """For so many generations, each of which goes on from the one before."""
        with tempfile.TemporaryDirectory() as name:
            directories = [Path(name) / str(number) for number in range(count)]
            for directory in directories:
                directory.mkdir()
            yield directories

    @contextmanager
    def open(self, directory: Path, status: IndexStatus) -> Iterator[Engine]:
        engine = self.kind.open(directory, status)
        try:
            yield engine
        finally:
            engine.close()

    def build(self, directory: Path, corpus: Sequence[Story]) -> IndexStatus:
        writer = self.kind.make_writer(directory)
        for story in corpus:
            writer.add(story)
        return writer.finish()


class LookupContract(ServesCorpora):
    """Documents, publishers, labels, counts, similar stories."""

    # --- looking up ----------------------------------------------------------------------------------------

    @CHECKED
    @given(corpora, st.lists(st.sampled_from((*IDS, "unknown", "")), unique=True))
    def test_stories_come_back_as_they_were_in_the_order_of_the_ids(self, corpus: list[Story], ids: list[str]) -> None:
        known = {story.id: story for story in corpus}
        with self.serve(corpus) as engine:
            assert engine.find_stories(ids) == [known[ident] for ident in ids if ident in known]

    @pytest.mark.parametrize("ident", ["", "unknown", "\x00", "\ud800", "日" * 50_000, "1\n", "1:1"])
    def test_ids_that_no_document_has_find_none(self, ident: str) -> None:
        with self.serve([make_story("1")]) as engine:
            assert engine.find_stories([ident]) == []
            assert engine.find_source(ident) is None

    @CHECKED
    @given(corpora)
    def test_publishers_are_listed_by_story_count_then_name(self, corpus: list[Story]) -> None:
        truth = BruteForce(corpus)
        cited_in = Counter(publisher.id for story in corpus for publisher in story.publishers)
        articles = Counter(r.source.publisher.id for r in truth.sources.values() if r.source.publisher)
        with self.serve(corpus) as engine:
            publishers = engine.list_publishers()
            labels = engine.find_labels("publisher")
        assert {p.id: p.story_count for p in publishers} == cited_in
        assert {p.id: p.source_count for p in publishers} == {ident: articles[ident] for ident in cited_in}
        keys = [(-publisher.story_count, publisher.name.casefold(), publisher.id) for publisher in publishers]
        assert keys == sorted(keys)
        assert {publisher.id: publisher.name for publisher in publishers} == labels

    def test_publishers_with_as_many_stories_are_listed_by_name_however_it_is_cased(self) -> None:
        names = ["Zeit", "朝日新聞", "apple", "Banana", "Ärzteblatt"]
        corpus = [make_story(str(n), sources=[{"publisher": {"name": name}}]) for n, name in enumerate(names)]
        with self.serve(corpus) as engine:
            assert [publisher.name for publisher in engine.list_publishers()] == [
                "apple",
                "Banana",
                "Zeit",
                "Ärzteblatt",
                "朝日新聞",
            ]

    @CHECKED
    @given(corpora)
    def test_every_facet_value_has_a_label_that_some_story_gives_it(self, corpus: list[Story]) -> None:
        times = [story.published_at.astimezone(UTC) for story in corpus if story.published_at]
        said = {
            "topic": {(slug_of(topic), topic) for story in corpus for topic in story.topics},
            "publisher": {(p.id, p.label) for s in corpus for source in s.sources if (p := source.publisher)},
            "curator": {(slug_of(story.curated_by), story.curated_by) for story in corpus},
            "language": {(story.language.lower(), story.language) for story in corpus},
            "domain": {(source.domain, source.domain) for story in corpus for source in story.sources},
            "year": {(str(time.year),) * 2 for time in times},
            "month": {(f"{time:%Y-%m}",) * 2 for time in times},
        }
        with self.serve(corpus) as engine:
            for facet in FACETS:
                labels = engine.find_labels(facet)
                assert set(labels) == {value for story in corpus for value in brute_force.values_of(story, facet)}
                assert set(labels.items()) <= said[facet]

    def test_a_label_is_the_most_frequent_spelling(self) -> None:
        spellings = ("REUTERS", "Reuters", "Reuters", "reuters")
        corpus = [
            make_story(str(n), topics=[name], curated_by=name, sources=[{"publisher": {"name": name}}])
            for n, name in enumerate(spellings)
        ]
        with self.serve(corpus) as engine:
            for facet in ("topic", "curator", "publisher"):
                assert engine.find_labels(facet) == {"reuters": "Reuters"}
            assert [publisher.name for publisher in engine.list_publishers()] == ["Reuters"]
            assert engine.find_labels("no facet") == {}

    @CHECKED
    @given(corpora)
    def test_the_status_counts_what_is_there(self, corpus: list[Story]) -> None:
        truth = BruteForce(corpus)
        with self.serve(corpus) as engine:
            status = engine.get_status()
            publishers = len(engine.list_publishers())
        newest = max((story.published_at for story in corpus if story.published_at), default=None)
        counted = replace(status, segments=1, deleted=0)  # how it lies on disk is the engine's own business
        assert counted == IndexStatus(
            stories=len(corpus), sources=len(truth.sources), publishers=publishers, newest=newest
        )

    def test_the_fewer_stories_have_a_word_the_rarer_it_is(self) -> None:
        corpus = [make_story(str(n), title="often rare" if n == 0 else "often") for n in range(5)]
        with self.serve(corpus) as engine:
            idfs = engine.find_idfs(["often", "rare", "never"])
        assert 0 < idfs["often"] < idfs["rare"] <= idfs["never"]

    # --- similar stories -----------------------------------------------------------------------------------

    @CHECKED
    @given(corpora, stories(), st.integers(0, 4), st.frozensets(st.sampled_from(IDS), max_size=3))
    def test_similar_stories_leave_out_the_story_and_the_excluded_best_first(
        self, corpus: list[Story], other: Story, limit: int, excluded: frozenset[str]
    ) -> None:
        known = {story.id: story for story in corpus}
        with self.serve(corpus) as engine:
            for story in (corpus[0], other):
                similar = engine.find_similar(story, limit, excluded)
                assert similar == engine.find_similar(story, limit, excluded)
                assert len(similar) <= limit
                found = [entry.id for entry, _ in similar]
                assert len(set(found)) == len(found)
                assert {story.id, *excluded}.isdisjoint(found)
                assert all(known[entry.id] == entry for entry, _ in similar)
                assert all(0 <= score <= 1 for _, score in similar)
                assert [score for _, score in similar] == sorted((score for _, score in similar), reverse=True)

    def test_the_story_with_the_same_distinctive_words_is_the_most_similar(self) -> None:
        corpus = [
            make_story("1", title="Ferry robot catches a mooring line"),
            make_story("2", title="A mooring line for the ferry robot"),
            make_story("3", title="The robot that paints"),
            make_story("4", title="Potato harvest"),
        ]
        with self.serve(corpus) as engine:
            similar = engine.find_similar(corpus[0], 5, frozenset())
        assert [story.id for story, _ in similar] == ["2", "3"]
        assert similar[0][1] > 0.5 > similar[1][1]

    def test_of_stories_as_alike_the_nearest_in_time_comes_first_and_undated_ones_last(self) -> None:
        times = {"1": "2025-03-10", "after": "2025-03-11", "before": "2025-03-04", "year": "2024-03-10", "none": {}}
        corpus = [
            make_story(
                ident, title="Ferry moors", summary="alone", **({"published_at": f"{day}T08:00:00Z"} if day else {})
            )
            for ident, day in times.items()
        ]
        with self.serve(corpus) as engine:
            dated = engine.find_similar(corpus[0], 5, frozenset())
            undated = engine.find_similar(corpus[-1], 5, frozenset())
        assert [story.id for story, _ in dated] == ["after", "before", "year", "none"]
        assert [score for _, score in dated] == pytest.approx(
            [0.2 + 0.8 * 3 / (days + 3) for days in (1, 6, 365)] + [0.2], rel=1e-4
        )
        assert [score for _, score in undated] == pytest.approx([1.0] * 4, rel=1e-4)

    def test_bare_headlines_are_about_the_same_thing_only_within_hours(self) -> None:
        corpus = [
            make_story(ident, title="Ferry moors", published_at=f"2025-03-10T{hour}:00:00Z")
            for ident, hour in (("1", "08"), ("2", "20"))
        ]
        with self.serve(corpus) as engine:
            ((_, score),) = engine.find_similar(corpus[0], 5, frozenset())
        assert score == pytest.approx(0.2 + 0.8 / 2, rel=1e-4)

    def test_words_of_the_title_count_more(self) -> None:
        corpus = [
            make_story("1", title="Ferry moors", summary="potato harvest"),
            make_story("title", title="Ferry moors", summary="chess computer"),
            make_story("text", title="Chess computer", summary="ferry moors"),
        ]
        with self.serve(corpus) as engine:
            similar = engine.find_similar(corpus[0], 5, frozenset())
        assert [story.id for story, _ in similar] == ["title", "text"]
        assert similar[0][1] > similar[1][1] + 0.1
