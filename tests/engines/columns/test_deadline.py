"""A search that exceeds its deadline raises QueryTimeout, and leaves later searches correct."""

from __future__ import annotations

import string
from collections.abc import Iterator
from itertools import pairwise
from random import Random

import pytest
from msgspec.structs import replace

from index.analysis.schema import STORY_DEFAULTS
from index.documents.story import Story
from index.engines.base import Engine
from index.engines.columns import ColumnsKind
from index.engines.columns.search import deadline
from index.errors import QueryTimeout
from index.query.language import parse_query
from index.query.requests import FACETS, FacetRequest, HighlightOptions, Interval, SearchQuery, Sort, SourceQuery
from tests.support.factories import make_story

LETTERS = string.ascii_lowercase
# The longest query that the API accepts, in characters.
LONGEST = 512
HOSTILE = {
    "a prefix": "a*",
    "every prefix": " ".join(f"{one}*" for one in LETTERS),
    "512 characters of prefixes": " OR ".join(f"{a}{b}*" for a in LETTERS for b in LETTERS),
    "prefixes of fields": " OR ".join(f"{field}:{one}*" for one in LETTERS for field in STORY_DEFAULTS),
    "exclusions or exclusions": " OR ".join(f"-{one}*" for one in LETTERS * 4),
    "everything but everything": " ".join(f"-{one}*" for one in LETTERS * 4),
    "exclusions in brackets": " OR ".join(f"(-{a}* -{b}*)" for a, b in pairwise(LETTERS)),
    "brackets": "(" * 200 + "a* OR b*" + ")" * 200,
    "exclusions sixteen deep": "-(a* OR b* " * 40,
    "phrases": " OR ".join(f'"w{a} w{b}"' for a in range(9) for b in range(9)),
    "one word again and again": '"' + "w1 " * 160 + '"',
}


def make_corpus(size: int) -> Iterator[Story]:
    """Stories that match every query above many times."""
    choose = Random(7)
    words = [f"w{number}" for number in range(9)]
    words += [choose.choice(LETTERS) + choose.choice(LETTERS) + str(number) for number in range(2000)]
    for number in range(size):
        yield make_story(
            str(number),
            title=" ".join(choose.choices(words, k=8)),
            summary=" ".join(choose.choices(words, k=60)) + " w1 w1 w2 w3",
            topics=choose.choices(words[:200], k=4),
            published_at=f"20{choose.randrange(10, 30)}-0{choose.randrange(1, 10)}-01T00:00:00Z",
            sources=[{"url": f"https://s{number}.example.com/", "title": "w1 w2", "publisher": {"name": words[number]}}]
            if number < 200
            else [],
        )


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    kind, directory = ColumnsKind(), tmp_path_factory.mktemp("hostile")
    writer = kind.make_writer(directory)
    for story in make_corpus(3000):
        writer.add(story)
    engine = kind.open(directory, writer.finish())
    yield engine
    engine.close()


def make_query(text: str) -> SearchQuery:
    tree = parse_query(text[:LONGEST], STORY_DEFAULTS)
    return SearchQuery(
        tree=tree, limit=100, facets=FacetRequest(names=FACETS, size=100), highlighting=HighlightOptions(), recency=0.5
    )


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("sort", [Sort.RELEVANCE, Sort.OLDEST])
def test_no_query_reaches_the_time_limit(engine: Engine, text: str, sort: Sort) -> None:
    query = replace(make_query(text), sort=sort)
    assert engine.search_stories(query).total == sum(engine.date_histogram(query, Interval.DAY)[0].values())


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_timeout_leaves_the_next_search_correct(engine: Engine, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    query = make_query(text)
    page, counts = engine.search_stories(query), engine.date_histogram(query, Interval.DAY)
    with monkeypatch.context() as patch:
        patch.setattr(deadline, "MAX_SECONDS", -1.0)
        for ask in (engine.search_stories, lambda q: engine.date_histogram(q, Interval.DAY), engine.iter_documents):
            with pytest.raises(QueryTimeout):
                ask(query)
        with pytest.raises(QueryTimeout):
            engine.search_sources(SourceQuery(tree=parse_query("w1 OR w2*", ())))
    assert engine.search_stories(query) == page
    assert engine.date_histogram(query, Interval.DAY) == counts


def test_a_query_can_shorten_the_deadline_but_not_extend_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    query, sources = make_query("a* OR b*"), SourceQuery(tree=parse_query("w1 OR w2*", ()))
    for seconds in (0.0, -1.0):
        for ask in (engine.search_stories, lambda q: engine.number_stats(q, "source_count", 1)):
            with pytest.raises(QueryTimeout):
                ask(replace(query, seconds=seconds))
        with pytest.raises(QueryTimeout):
            engine.search_sources(replace(sources, seconds=seconds))
    monkeypatch.setattr(deadline, "MAX_SECONDS", -1.0)
    with pytest.raises(QueryTimeout):
        engine.search_stories(replace(query, seconds=60.0))


def test_the_deadline_is_checked_between_the_parts_of_a_query(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(1000))
    monkeypatch.setattr("index.deadline.monotonic", lambda: next(ticks))
    monkeypatch.setattr(deadline, "MAX_SECONDS", 20)
    engine.search_stories(SearchQuery(tree=parse_query(" ".join(f"{one}*" for one in LETTERS[:15]), ())))
    with pytest.raises(QueryTimeout):
        engine.search_stories(SearchQuery(tree=parse_query(HOSTILE["every prefix"], ())))


def test_the_deadline_is_checked_between_facets(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(1000))
    monkeypatch.setattr("index.deadline.monotonic", lambda: next(ticks))
    monkeypatch.setattr(deadline, "MAX_SECONDS", 4)
    engine.search_stories(SearchQuery(facets=FacetRequest(names=FACETS[:2])))
    with pytest.raises(QueryTimeout):
        engine.search_stories(SearchQuery(facets=FacetRequest(names=FACETS)))


def test_a_union_of_exclusions_excludes_the_intersection(engine: Engine) -> None:
    everything = engine.search_stories(SearchQuery(tree=None, limit=3000)).hits
    both = {hit.id for hit in engine.search_stories(SearchQuery(tree=parse_query("w1 w2", ()), limit=3000)).hits}
    third = {hit.id for hit in engine.search_stories(SearchQuery(tree=parse_query("w1 w2 w3", ()), limit=3000)).hits}
    page = engine.search_stories(SearchQuery(tree=parse_query("-w1 OR -w2 OR -zzz9", ()), limit=3000))
    assert {hit.id for hit in page.hits} == {hit.id for hit in everything}
    page = engine.search_stories(SearchQuery(tree=parse_query("-w1 OR -w2 OR w3", ()), limit=3000))
    assert {hit.id for hit in page.hits} == {hit.id for hit in everything} - both | third
