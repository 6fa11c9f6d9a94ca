"""Hypothesis strategies: stories of few words, so that they collide, and questions about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec import UNSET

from index.analysis.schema import SOURCE_FIELDS, STORY_DEFAULTS, STORY_FIELDS, WORD, term_of
from index.documents.identity import publisher_id, slug_of
from index.documents.story import EARLIEST, LATEST, Paragraph, Publisher, Section, Source, Story
from index.query.language import parse_query
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
from index.query.tree import And, Node, Not, Or, Phrase, Prefix, Term

# Most texts and questions are of these, so that a few stories hold every mixture of them.
FEW = ("chip", "Chips", "relate", "x")
# Stems that meet, stop words, words that lower case makes longer, no Latin letters, inner dots.
WORDS = (*FEW, "relations", "Relative", "the", "U.S.", "İstanbul", "ΟΔΟΣ", "東京", "c3po")
TOPICS = ("AI", "ai", "C++", "C#", "日本", "Robotics", " ", "")
PUBLISHERS = (
    Publisher(name="Reuters", domain="reuters.com", logo_url="https://reuters.com/logo.png"),
    Publisher(name="REUTERS", domain="www.reuters.com"),
    Publisher(domain="www.cnn.com"),
    Publisher(name="cnn.com"),
    Publisher(name="朝日新聞"),
    Publisher(name="The Relative Times", domain="chips.example"),
    Publisher(),
)
CURATORS = ("THEOUTPOST", "TheOutpost", "Ada Lindqvist", "")
LANGUAGES = ("en", "EN", "pt-BR", "ja")
# The first three are one article.
URLS = (
    "https://reuters.com/a",
    "http://www.reuters.com/a/?utm_source=x#top",
    "HTTPS://Reuters.com/a",
    "https://reuters.com/b?n=1",
    "https://cnn.com:8080/c",
    "https://例え.jp/記事",
)
TIMES = tuple(datetime(2024, 1, 1, tzinfo=UTC) + timedelta(microseconds=n) for n in (0, 1, 999_999, 86_400_000_000))
IDS = ("1", "2", "10", "a", "A", "~", "a.b", "story-1", "story-2", "z_9")

# Everything that a text of a document may hold: no surrogates, of the control characters only white space.
_characters = st.characters(exclude_categories=("Cc", "Cs"))
any_text = st.text(st.one_of(_characters, st.sampled_from("\t\n\r")), max_size=12)
_some_words = st.one_of(st.sampled_from(FEW), st.sampled_from(FEW), st.sampled_from(WORDS), any_text)
texts = st.lists(_some_words, max_size=4).map(" ".join)
titles = texts.filter(str.strip)


def _or_unset(strategy: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return st.one_of(st.just(UNSET), strategy)


_aware = st.builds(
    lambda time, minutes: time.replace(tzinfo=timezone(timedelta(minutes=minutes))),
    st.datetimes(EARLIEST.replace(tzinfo=None, year=1601), LATEST.replace(tzinfo=None, year=2199)),
    st.integers(-1439, 1439),
)
times = st.one_of(st.sampled_from(TIMES), st.sampled_from(TIMES), _aware)

sources = st.builds(
    Source,
    url=_or_unset(st.sampled_from(URLS)),
    title=texts,
    publisher=_or_unset(st.sampled_from(PUBLISHERS)),
    author=texts,
    published_at=_or_unset(times),
    excerpt=texts,
)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Any valid story, likely to share words, topics, publishers and articles with the next one."""
    cited = draw(st.lists(sources, max_size=3))
    citations = st.lists(st.integers(1, len(cited)), max_size=2).map(tuple) if cited else st.just(())
    paragraphs = st.lists(st.builds(Paragraph, text=texts, citations=citations), max_size=2).map(tuple)
    return Story(
        id=draw(st.sampled_from(IDS)),
        title=draw(titles),
        short_title=draw(st.sampled_from(("", "Chips"))),
        summary=draw(texts),
        curated_by=draw(st.sampled_from(CURATORS)),
        published_at=draw(_or_unset(times)),
        updated_at=draw(_or_unset(times)),
        language=draw(st.sampled_from(LANGUAGES)),
        topics=tuple(draw(st.lists(st.sampled_from(TOPICS), max_size=3))),
        image_url=draw(_or_unset(st.sampled_from(URLS))),
        sections=tuple(draw(st.lists(st.builds(Section, heading=texts, paragraphs=paragraphs), max_size=2))),
        sources=tuple(cited),
        related=tuple(draw(st.lists(st.sampled_from(IDS), max_size=2))),
    )


corpora = st.lists(stories(), min_size=1, max_size=8, unique_by=lambda story: story.id)

# --- questions ---------------------------------------------------------------------------------------------

_SEARCHABLE = tuple(word for text in WORDS for word in WORD.findall(text) if term_of(word) is not None)
_words = st.one_of(st.sampled_from(FEW), st.sampled_from(_SEARCHABLE))
_prefixes = st.builds(lambda word, size: word.lower()[:size], _words, st.integers(1, 6))


def trees(fields: tuple[str, ...]) -> SearchStrategy[Node | None]:
    """Query trees of every kind of node, nested; ``fields`` are those that a leaf may name."""
    field = st.one_of(st.none(), st.sampled_from(fields))
    phrases = st.lists(_words, min_size=1, max_size=3)
    leaves = st.one_of(
        st.builds(lambda word, name: Term(word, term_of(word) or word, name), _words, field),
        st.builds(lambda words, name: Phrase(tuple(words), tuple(map(_term, words)), name), phrases, field),
        st.builds(Prefix, _prefixes, field),
    )
    narrowed = st.lists(st.one_of(leaves, st.builds(Not, leaves)), min_size=2, max_size=3).map(lambda n: And(tuple(n)))
    nested = st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(Not, inner),
            st.lists(inner, min_size=1, max_size=3).map(lambda nodes: And(tuple(nodes))),
            st.lists(inner, max_size=3).map(lambda nodes: Or(tuple(nodes))),
        ),
        max_leaves=6,
    )
    typed = query_texts.map(lambda text: parse_query(text, fields))
    return st.one_of(st.none(), leaves, narrowed, nested, nested, typed)


def _term(word: str) -> str:
    return term_of(word) or word


_OPERATORS = ("OR", "-", "(", ")", '"', "*", ":", "title:", "source:", "publisher:(", "-(", "unknown:", "“", "”", "--")
query_texts = st.lists(
    st.one_of(st.sampled_from(WORDS), st.sampled_from(_OPERATORS), st.sampled_from((" ", "  ")), st.text(max_size=4)),
    max_size=16,
).map("".join)

_values = {
    "topic": [*map(slug_of, filter(str.strip, TOPICS)), "unknown"],
    "publisher": [*(publisher.id for publisher in PUBLISHERS), publisher_id("Unknown")],
    "curator": [*map(slug_of, CURATORS), "unknown"],
    "language": ["en", "pt-br", "ja", "xx"],
    "domain": ["reuters.com", "cnn.com", "chips.example", "xn--fake"],
    "year": ["2024", "1999"],
    "month": ["2024-01", "1999-12"],
}


def value_filters(facet: str) -> SearchStrategy[ValueFilter]:
    some = st.frozensets(st.sampled_from([value for value in _values[facet] if value]), max_size=2)
    return st.builds(ValueFilter, facet=st.just(facet), any_of=some, none_of=some)


_moments = st.one_of(st.none(), st.none(), st.sampled_from(TIMES))
_counts = st.one_of(st.none(), st.none(), st.integers(0, 3))
filters = st.builds(
    Filters,
    values=st.lists(st.sampled_from(FACETS).flatmap(value_filters), max_size=3).map(tuple),
    published_from=_moments,
    published_before=_moments,
    min_sources=_counts,
    max_sources=_counts,
)
facet_requests = st.builds(
    FacetRequest,
    names=st.lists(st.sampled_from(FACETS), max_size=5, unique=True).map(tuple),
    size=st.integers(1, 4),
    sort=st.sampled_from(("count", "value")),
    containing=st.sampled_from(((), (), ("a",), ("re",), ("relative", "t"), ("20",), ("東",))),
    filtered=st.booleans(),
)
_STORY_NAMES = tuple(field.name for field in STORY_FIELDS)
story_queries = st.builds(
    SearchQuery,
    recency=st.sampled_from((0.0, 0.0, 0.0, 0.3, 1.0)),
    tree=trees(_STORY_NAMES),
    search_in=st.one_of(
        st.just(STORY_DEFAULTS),
        st.lists(st.sampled_from(STORY_DEFAULTS), min_size=1, max_size=3, unique=True).map(tuple),
    ),
    filters=st.one_of(st.just(Filters()), filters),
    sort=st.sampled_from(Sort),
    facets=facet_requests,
    offset=st.integers(0, 4),
    limit=st.integers(0, 6),
)
markings = st.builds(
    HighlightOptions, tag=st.sampled_from(("mark", "em")), words=st.integers(1, 12), matches=st.booleans()
)
source_queries = st.builds(
    SourceQuery,
    tree=trees(tuple(field.name for field in SOURCE_FIELDS)),
    publishers=st.one_of(st.just(ValueFilter(facet="publisher")), value_filters("publisher")),
    story=st.one_of(st.none(), st.none(), st.sampled_from((*IDS, "unknown"))),
    published_from=_moments,
    published_before=_moments,
    offset=st.integers(0, 4),
    limit=st.integers(0, 6),
)
