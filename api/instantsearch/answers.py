"""Runs the searches of a body and answers in Algolia's form."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import msgspec
from msgspec.structs import replace

from api.instantsearch.filters import NUMBERS, STORY_ATTRIBUTES
from api.instantsearch.highlighting import highlight_prefixes
from api.instantsearch.hits import render_sources, render_stories
from api.instantsearch.queries import FacetPlan, SourcePlan, StoryPlan, plan_search
from api.instantsearch.requests import InstantSearchRequest, split_names
from api.request.arguments import MAX_WINDOW
from index.deadline import Deadline
from index.documents.stored_hit import Json
from index.errors import QueryTimeout
from index.live import OpenGeneration
from index.query.language import format_query
from index.query.results import Facet, NumberStats
from index.search import run_search


def answer_all(generation: OpenGeneration, requests: Sequence[InstantSearchRequest]) -> list[Json]:
    """One answer per request, in their order.

    Raises InvalidParameters, and QueryTimeout if all searches together take too long: a body with many searches may
    keep a worker busy no longer than one search of the API.
    """
    longest = generation.engine.max_seconds
    deadline = Deadline(longest)
    try:
        return [_answer(generation, request, deadline) for request in requests]
    except QueryTimeout as error:
        raise QueryTimeout(longest) from error


def _answer(generation: OpenGeneration, request: InstantSearchRequest, deadline: Deadline) -> Json:
    started = time.monotonic()
    plan = plan_search(request)
    match plan:
        case FacetPlan():
            answer = _answer_facet(generation, plan, deadline)
        case SourcePlan():
            answer = _answer_sources(generation, plan, deadline)
        case StoryPlan():
            answer = _answer_stories(generation, plan, deadline)
    return {**answer, "processingTimeMS": math.ceil((time.monotonic() - started) * 1000)}


def _answer_facet(generation: OpenGeneration, plan: FacetPlan, deadline: Deadline) -> Json:
    query = replace(plan.query, seconds=deadline.remaining())
    result = run_search(generation.engine, query, correct=plan.correct_typos)
    values = result.page.facets[plan.facet].values[: plan.limit]
    hits = [
        {
            "value": value.label,
            "highlighted": highlight_prefixes(value.label, plan.prefixes, plan.tags),
            "count": value.count,
        }
        for value in deadline.pace(values)
        if value.count
    ]
    return {"facetHits": hits, "exhaustiveFacetsCount": True}


def _answer_stories(generation: OpenGeneration, plan: StoryPlan, deadline: Deadline) -> Json:
    query = replace(plan.query, seconds=deadline.remaining())
    result = run_search(generation.engine, query, correct=plan.correct_typos)
    # A corrected query may differ from the one sent: statistics and highlights are those of its matches.
    query = replace(query, tree=result.tree)
    size = plan.request.parameters.max_values_per_facet
    stats = {
        name: generation.engine.number_stats(replace(query, seconds=deadline.remaining()), NUMBERS[name], size)
        for name in plan.numbers
    }
    answer = _make_page(plan.request, result.page.total)
    answer["hits"] = render_stories(generation, plan, result.tree, result.page.hits, deadline)
    if query.facets.names or plan.numbers:
        answer |= _make_facets(plan.request, result.page.facets, stats)
    if result.corrected or result.relaxed:
        answer["parsedQuery"] = format_query(result.tree)
    return answer


def _answer_sources(generation: OpenGeneration, plan: SourcePlan, deadline: Deadline) -> Json:
    page = generation.engine.search_sources(replace(plan.query, seconds=deadline.remaining()))
    return {**_make_page(plan.request, page.total), "hits": render_sources(plan, page.hits, deadline)}


def _make_page(request: InstantSearchRequest, total: int) -> Json:
    size = request.parameters.hits_per_page
    return {
        "hits": [],
        "nbHits": total,
        "page": request.parameters.page,
        "nbPages": min(math.ceil(total / size), MAX_WINDOW // size) if size else 0,
        "hitsPerPage": size,
        "exhaustiveNbHits": True,
        "exhaustiveFacetsCount": True,
        "exhaustiveTypo": True,
        "exhaustive": {"nbHits": True, "facetsCount": True, "typo": True},
        "query": request.parameters.query,
        "params": _encode_parameters(request.raw_parameters),
        "index": request.index,
    }


def _encode_parameters(raw_parameters: Json) -> str:
    """URL-encode the parameters as Algolia does: values that are not text as JSON."""
    return urlencode(
        {
            name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
            for name, value in raw_parameters.items()
        }
    )


def _make_facets(request: InstantSearchRequest, facets: Mapping[str, Facet], stats: Mapping[str, NumberStats]) -> Json:
    counts: Json = {
        name: {value.label: value.count for value in facet.values if value.count} for name, facet in facets.items()
    }
    counts |= {
        name: {str(value): count for value, count in number_stats.values} for name, number_stats in stats.items()
    }
    answer: Json = {"facets": counts}
    facets_stats = {
        name: {
            "min": number_stats.low,
            "max": number_stats.high,
            "avg": number_stats.total / number_stats.count,
            "sum": number_stats.total,
        }
        for name, number_stats in stats.items()
        if number_stats.count
    }
    if facets_stats:
        answer["facets_stats"] = facets_stats
    if "*" in split_names(request.parameters.facets):
        # The dynamicWidgets widget shows facets in this order.
        order = [name for name in STORY_ATTRIBUTES if counts.get(name)]
        answer["renderingContent"] = {"facetOrdering": {"facets": {"order": order}}}
    return answer
