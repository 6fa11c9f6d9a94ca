"""/v1/instantsearch, and the paths that Algolia's own clients request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import current_app

from api.endpoint import ApiBlueprint
from api.instantsearch.answers import answer_all
from api.instantsearch.requests import InstantSearchRequest, ManySearches, Parameters, read_many, read_single
from api.instantsearch.schemas import ManyAnswers, OneAnswer
from api.observability.metrics import EMPTY, Metrics
from index.live import OpenGeneration

blueprint = ApiBlueprint("instantsearch", __name__, description="Algolia's protocol, for InstantSearch widgets")
_PROBLEMS = ("bad_request", "not_found", "too_large", "index_unavailable", "timeout")


@blueprint.post_json("/v1/instantsearch", ManySearches, ManyAnswers, *_PROBLEMS, read=read_many)
def instantsearch(generation: OpenGeneration, searches: Sequence[InstantSearchRequest]) -> dict[str, Any]:
    """Search with InstantSearch widgets

    Several searches in one request, in the form of Algolia's multi-query. The index of a search is `stories` (by
    relevance), `stories_newest`, `stories_oldest`, `stories_updated`, `stories_sources` (stories in another order) or
    `sources`. A search of type `facet` finds values of a facet. Facets are counted under all filters of their search.
    Texts are not escaped: widgets escape them. All searches of a request together may take as long as one search of
    the API: 0.8 seconds, or 10 seconds on a cluster.
    """
    return {"results": _answer(generation, searches)}


@blueprint.post_json("/1/indexes/*/queries", ManySearches, ManyAnswers, *_PROBLEMS, read=read_many)
def algolia_queries(generation: OpenGeneration, searches: Sequence[InstantSearchRequest]) -> dict[str, Any]:
    """Search with Algolia's own clients

    The request of `search()` in the JavaScript clients. Works like /v1/instantsearch.
    """
    return {"results": _answer(generation, searches)}


@blueprint.post_json("/1/indexes/<index_name>/query", Parameters, OneAnswer, *_PROBLEMS, read=read_single)
def algolia_query(generation: OpenGeneration, searches: Sequence[InstantSearchRequest]) -> dict[str, Any]:
    """Search one index with Algolia's own clients

    The request of `searchSingleIndex()`: one search of /v1/instantsearch.
    """
    return _answer(generation, searches)[0]


@blueprint.post_json(
    "/1/indexes/<index_name>/facets/<facet_name>/query", Parameters, OneAnswer, *_PROBLEMS, read=read_single
)
def algolia_facet_query(generation: OpenGeneration, searches: Sequence[InstantSearchRequest]) -> dict[str, Any]:
    """Search values of a facet with Algolia's own clients

    The request of `searchForFacetValues()`: finds values in which each word of facetQuery is the beginning of a word.
    """
    return _answer(generation, searches)[0]


def _answer(generation: OpenGeneration, searches: Sequence[InstantSearchRequest]) -> list[dict[str, Any]]:
    answers = answer_all(generation, searches)
    metrics: Metrics = current_app.extensions["outpost.metrics"]
    for answer in answers:
        if answer.get("nbHits") == 0:
            metrics.count(EMPTY)
    return answers
