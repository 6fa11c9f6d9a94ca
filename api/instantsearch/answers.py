"""Answers in Algolia's form."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from urllib.parse import urlencode

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from api.errors import InvalidParameters, ParameterFault
from api.instantsearch.filters import STORY_ATTRIBUTES
from api.instantsearch.highlighting import HitHighlighter, Tags, mark_beginnings
from api.instantsearch.queries import find_facets, find_searched, find_snippets, make_query, make_source_query
from api.instantsearch.requests import SOURCES, Asked, names_of
from api.request.arguments import MAX_WINDOW
from api.request.site import base_url
from api.response.answers import answer_source
from index.analysis.schema import SOURCE_DEFAULTS, fold_words
from index.deadline import Deadline
from index.documents.stored_hit import Json, insert_base_url
from index.errors import QueryTimeout
from index.live import OpenGeneration
from index.query.language import show_query
from index.query.requests import FACETS, NumberName, SearchQuery
from index.query.results import Facet, Hit, NumberStats, SourceRecord
from index.search import iter_stories, run_search

_STORY_TEXTS = ("title", "summary", "topic", "publisher", "curator")
_STORY_EXCERPTS = ("title", "summary", "body")
_SOURCE_TEXTS = ("title", "excerpt", "author", "publisher")


class Answering(Struct, frozen=True):
    """What answers one body: a generation, and until when."""

    generation: OpenGeneration
    deadline: Deadline


def answer_all(generation: OpenGeneration, searches: Sequence[Asked]) -> list[Json]:
    """One answer for each. Raises InvalidParameters; QueryTimeout where all of them together take too long."""
    # However many searches a body has, together they hold a worker for no longer than one search of the API may.
    longest = generation.engine.longest
    answering = Answering(generation, Deadline(longest))
    try:
        return [_answer(answering, asked) for asked in searches]
    except QueryTimeout as error:
        raise QueryTimeout(longest) from error


def _answer(answering: Answering, asked: Asked) -> Json:
    started = time.monotonic()
    if asked.facet is not None:
        answer = _answer_values(answering, asked, asked.facet)
    elif asked.index == SOURCES:
        answer = _answer_sources(answering, asked)
    else:
        answer = _answer_stories(answering, asked)
    return {**answer, "processingTimeMS": math.ceil((time.monotonic() - started) * 1000)}


def _answer_values(answering: Answering, asked: Asked, facet: str) -> Json:
    if asked.index == SOURCES or facet not in FACETS:
        allowed = "nothing: sources have no facets" if asked.index == SOURCES else "one of " + ", ".join(FACETS)
        raise InvalidParameters([ParameterFault(asked.where + "facet", "invalid_value", facet[:100], allowed)])
    query = replace(make_query(asked, ()), seconds=answering.deadline.left())
    found = run_search(answering.generation.engine, query, correct=_may_correct(asked))
    beginnings = fold_words(asked.parameters.facet_query).split()
    tags = _tags_of(asked)
    hits = [
        {"value": one.label, "highlighted": mark_beginnings(one.label, beginnings, tags), "count": one.count}
        for one in answering.deadline.pace(found.page.facets[facet].values[: asked.parameters.max_facet_hits])
        if one.count
    ]
    return {"facetHits": hits, "exhaustiveFacetsCount": True}


# --- stories -----------------------------------------------------------------------------------------------


def _answer_stories(answering: Answering, asked: Asked) -> Json:
    names, numbers = find_facets(asked)
    query = replace(make_query(asked, names), seconds=answering.deadline.left())
    found = run_search(answering.generation.engine, query, correct=_may_correct(asked))
    query = replace(query, tree=found.tree)
    stats = {
        name: answering.generation.engine.measure(
            replace(query, seconds=answering.deadline.left()),
            name,
            asked.parameters.max_values_per_facet,
        )
        for name in numbers
    }
    answer = _answer_page(asked, found.page.total)
    answer["hits"] = _Stories(answering, asked, query).describe(found.page.hits)
    if names or numbers:
        answer |= _answer_facets(asked, found.page.facets, stats)
    if found.corrected or found.relaxed:
        answer["parsedQuery"] = show_query(found.tree)
    return answer


def _answer_page(asked: Asked, total: int) -> Json:
    size = asked.parameters.hits_per_page
    return {
        "hits": [],
        "nbHits": total,
        "page": asked.parameters.page,
        "nbPages": min(math.ceil(total / size), MAX_WINDOW // size) if size else 0,
        "hitsPerPage": size,
        "exhaustiveNbHits": True,
        "exhaustiveFacetsCount": True,
        "exhaustiveTypo": True,
        "exhaustive": {"nbHits": True, "facetsCount": True, "typo": True},
        "query": asked.parameters.query,
        "params": _echo(asked.given),
        "index": asked.index,
    }


def _echo(given: Json) -> str:
    """The parameters as Algolia repeats them."""
    shown = {name: one if isinstance(one, str) else msgspec.json.encode(one).decode() for name, one in given.items()}
    return urlencode(shown)


def _answer_facets(asked: Asked, facets: dict[str, Facet], stats: Mapping[NumberName, NumberStats]) -> Json:
    counted: Json = {
        name: {one.label: one.count for one in facet.values if one.count} for name, facet in facets.items()
    }
    counted |= {name: {str(value): count for value, count in own.values} for name, own in stats.items()}
    answer: Json = {"facets": counted}
    measured = {
        name: {"min": own.low, "max": own.high, "avg": own.total / own.count, "sum": own.total}
        for name, own in stats.items()
        if own.count
    }
    if measured:
        answer["facets_stats"] = measured
    if "*" in names_of(asked.parameters.facets):
        # The order in which dynamicWidgets shows what there is.
        shown = [name for name in STORY_ATTRIBUTES if counted.get(name)]
        answer["renderingContent"] = {"facetOrdering": {"facets": {"order": shown}}}
    return answer


class _Stories:
    """Describes stories as hits."""

    def __init__(self, answering: Answering, asked: Asked, query: SearchQuery) -> None:
        self._answering, self._asked = answering, asked
        self._marker = HitHighlighter(query.tree, find_searched(asked), _tags_of(asked), answering.deadline)
        self._highlighted = _choose(names_of(asked.parameters.attributes_to_highlight), _STORY_TEXTS)
        self._excerpts = find_snippets(asked, _STORY_EXCERPTS)

    def describe(self, hits: Sequence[Hit]) -> list[Json]:
        self._answering.deadline.spend(sum(len(hit.stored_hit) + len(hit.marks) for hit in hits))
        paced = self._answering.deadline.pace
        stored_hits = [msgspec.json.decode(insert_base_url(hit.stored_hit, base_url())) for hit in paced(hits)]
        marks = [msgspec.json.decode(hit.marks) if hit.marks else {} for hit in paced(hits)]
        bodies = self._find_bodies(marks, stored_hits)
        return [self._describe(*one, bodies) for one in paced(zip(hits, stored_hits, marks, strict=True))]

    def _find_bodies(self, marks: Sequence[Json], stored_hits: Sequence[Json]) -> dict[str, str]:
        """Where no match is in the body the engine gives an excerpt of the summary; here one of the body is due."""
        wanted = [
            stored_hit["id"]
            for stored_hit, own in zip(stored_hits, marks, strict=True)
            if own and own["snippet"]["field"] != "body"
        ]
        stories = iter_stories(self._answering.generation, self._answering.deadline.pace(wanted))
        return {story.id: story.body for story in stories}

    def _describe(self, hit: Hit, stored_hit: Json, marks: Json, bodies: dict[str, str]) -> Json:
        story = {
            "objectID": stored_hit["id"],
            **stored_hit,
            "topic": [topic["label"] for topic in stored_hit["topics"]],
            "publisher": [publisher["name"] for publisher in stored_hit["publishers"]],
            "curator": stored_hit["curated_by"],
            "published_at_timestamp": _to_timestamp(stored_hit["published_at"]),
        }
        described = _select(story, self._asked)
        if self._highlighted:
            described["_highlightResult"] = {name: self._highlight(name, story[name]) for name in self._highlighted}
        if self._excerpts:
            described["_snippetResult"] = {
                name: self._excerpt_body(words, marks, bodies.get(story["objectID"]))
                if name == "body"
                else self._marker.excerpt(name, story[name], words)
                for name, words in self._excerpts.items()
            }
        if self._asked.parameters.get_ranking_info:
            described["_rankingInfo"] = {"score": round(hit.score, 4)}
        return described

    def _highlight(self, name: str, value: str | list[str]) -> object:
        if isinstance(value, list):
            return [self._marker.highlight(name, one) for one in value]
        return self._marker.highlight(name, value)

    def _excerpt_body(self, words: int, marks: Json, body: str | None) -> Json:
        if body is not None:
            return self._marker.excerpt("body", body, words)
        marked = marks["snippet"]["text"]
        return self._marker.read_excerpt(marked, found="<mark>" in marked)


# --- sources -----------------------------------------------------------------------------------------------


def _answer_sources(answering: Answering, asked: Asked) -> Json:
    query = replace(make_source_query(asked), seconds=answering.deadline.left())
    found = answering.generation.engine.search_sources(query)
    answer = _answer_page(asked, found.total)
    marker = HitHighlighter(query.tree, SOURCE_DEFAULTS, _tags_of(asked), answering.deadline)
    hits = answering.deadline.pace(found.hits)
    answer["hits"] = [_describe_source(asked, marker, record, score) for record, score in hits]
    return answer


def _describe_source(asked: Asked, marker: HitHighlighter, record: SourceRecord, score: float) -> Json:
    answer = answer_source(record)
    publisher = answer["publisher"] or {"name": "", "domain": ""}
    source = {
        "objectID": record.id,
        **answer,
        "publisher": publisher["name"],
        "domain": publisher["domain"],
        "published_at_timestamp": _to_timestamp(answer["published_at"]),
    }
    described = _select(source, asked)
    highlighted = _choose(names_of(asked.parameters.attributes_to_highlight), _SOURCE_TEXTS)
    excerpts = find_snippets(asked, _SOURCE_TEXTS)
    if highlighted:
        described["_highlightResult"] = {name: marker.highlight(name, source[name]) for name in highlighted}
    if excerpts:
        described["_snippetResult"] = {
            name: marker.excerpt(name, source[name], words) for name, words in excerpts.items()
        }
    if asked.parameters.get_ranking_info:
        described["_rankingInfo"] = {"score": round(score, 4)}
    return described


# --- both --------------------------------------------------------------------------------------------------


def _may_correct(asked: Asked) -> bool:
    return asked.parameters.typo_tolerance not in (False, "false")


def _tags_of(asked: Asked) -> Tags:
    return Tags(asked.parameters.highlight_pre_tag, asked.parameters.highlight_post_tag)


def _choose(names: Sequence[str], known: Iterable[str]) -> list[str]:
    """Of the known names those that are named; "*": all, less those with a "-" before them."""
    return [name for name in known if (name in names or "*" in names) and f"-{name}" not in names]


def _select(hit: Json, asked: Asked) -> Json:
    chosen = {"objectID", *_choose(names_of(asked.parameters.attributes_to_retrieve), hit)}
    return {name: value for name, value in hit.items() if name in chosen}


def _to_timestamp(moment: str | None) -> int | None:
    """The second of 1970 that a time is in."""
    return None if moment is None else math.floor(datetime.fromisoformat(moment).timestamp())
