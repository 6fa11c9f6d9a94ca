"""/v1/instantsearch, and the paths that Algolia's own clients ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import current_app

from api.endpoint import ApiBlueprint
from api.instantsearch.answers import answer_all
from api.instantsearch.requests import Asked, ManySearches, Parameters, read_many, read_single
from api.instantsearch.schemas import ManyAnswers, OneAnswer
from api.observability.metrics import EMPTY, Metrics
from index.live import OpenGeneration

blueprint = ApiBlueprint("instantsearch", __name__, description="Algolia's protocol, for InstantSearch widgets")
_PROBLEMS = ("bad_request", "not_found", "too_large", "index_unavailable", "timeout")


@blueprint.post_json("/v1/instantsearch", ManySearches, ManyAnswers, *_PROBLEMS, read=read_many)
def instantsearch(generation: OpenGeneration, searches: Sequence[Asked]) -> dict[str, Any]:
    """Search with InstantSearch widgets

    Several searches at once, in the form of Algolia's multi-query: of stories by relevance (index `stories`) or in
    another order (`stories_newest`, `stories_oldest`, `stories_updated`, `stories_sources`), of their `sources`, or of
    values of a facet. Each counts facets under all of its own filters. Texts are not escaped, as widgets escape them.
    All searches together may take as long as one of the API: 0.8 seconds, or 10 on a cluster.
    """
    return {"results": _answer(generation, searches)}


@blueprint.post_json("/1/indexes/*/queries", ManySearches, ManyAnswers, *_PROBLEMS, read=read_many)
def algolia_queries(generation: OpenGeneration, searches: Sequence[Asked]) -> dict[str, Any]:
    """Search with Algolia's own clients

    What `search()` of their JavaScript clients asks: the same as /v1/instantsearch.
    """
    return {"results": _answer(generation, searches)}


@blueprint.post_json("/1/indexes/<index_name>/query", Parameters, OneAnswer, *_PROBLEMS, read=read_single)
def algolia_query(generation: OpenGeneration, searches: Sequence[Asked]) -> dict[str, Any]:
    """Search one index with Algolia's own clients

    What `searchSingleIndex()` asks: one search of /v1/instantsearch.
    """
    return _answer(generation, searches)[0]


@blueprint.post_json(
    "/1/indexes/<index_name>/facets/<facet_name>/query", Parameters, OneAnswer, *_PROBLEMS, read=read_single
)
def algolia_facet_query(generation: OpenGeneration, searches: Sequence[Asked]) -> dict[str, Any]:
    """Search values of a facet with Algolia's own clients

    What `searchForFacetValues()` asks: those with a word that begins with each word of facetQuery.
    """
    return _answer(generation, searches)[0]


def _answer(generation: OpenGeneration, searches: Sequence[Asked]) -> list[dict[str, Any]]:
    answers = answer_all(generation, searches)
    metrics: Metrics = current_app.extensions["outpost.metrics"]
    for answer in answers:
        if answer.get("nbHits") == 0:
            metrics.count(EMPTY)
    return answers
