"""/v1/instantsearch, and the paths that Algolia's own clients request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Response, current_app

from api.blueprints import ApiBlueprint, borrow_index
from api.instantsearch.answers import answer_all
from api.instantsearch.requests import InstantSearchRequest, ManySearches, Parameters, read_many, read_one
from api.instantsearch.schemas import ManyAnswers, OneAnswer
from api.observability.metrics import EMPTY, Metrics
from api.response.conditional import make_json

blueprint = ApiBlueprint("instantsearch", __name__, description="Algolia's protocol, for InstantSearch widgets")
_PROBLEMS = ("bad_request", "not_found", "too_large", "index_unavailable", "timeout")


@blueprint.takes("/v1/instantsearch", ManySearches, ManyAnswers, *_PROBLEMS)
def instantsearch() -> Response:
    """Search with InstantSearch widgets

    Several searches in one request, in the form of Algolia's multi-query. The index of a search is `stories` (by
    relevance), `stories_newest`, `stories_oldest`, `stories_updated`, `stories_sources` (stories in another order) or
    `sources`. A search of type `facet` finds values of a facet. Facets are counted under all filters of their search.
    Texts are not escaped: widgets escape them. All searches of a request together may take as long as one search of
    the API: 0.8 seconds, or 10 seconds on a cluster.
    """
    return make_json({"results": _answer(read_many())})


@blueprint.takes("/1/indexes/*/queries", ManySearches, ManyAnswers, *_PROBLEMS)
def algolia_queries() -> Response:
    """Search with Algolia's own clients

    The request of `search()` in the JavaScript clients. Works like /v1/instantsearch.
    """
    return make_json({"results": _answer(read_many())})


@blueprint.takes("/1/indexes/<index_name>/query", Parameters, OneAnswer, *_PROBLEMS)
def algolia_query(index_name: str) -> Response:
    """Search one index with Algolia's own clients

    The request of `searchSingleIndex()`: one search of /v1/instantsearch.
    """
    return make_json(_answer([read_one(index_name)])[0])


@blueprint.takes("/1/indexes/<index_name>/facets/<facet_name>/query", Parameters, OneAnswer, *_PROBLEMS)
def algolia_facet_query(index_name: str, facet_name: str) -> Response:
    """Search values of a facet with Algolia's own clients

    The request of `searchForFacetValues()`: finds values in which each word of facetQuery is the beginning of a word.
    """
    return make_json(_answer([read_one(index_name, facet_name)])[0])


def _answer(searches: Sequence[InstantSearchRequest]) -> list[dict[str, Any]]:
    with borrow_index() as generation:
        answers = answer_all(generation, searches)
    metrics: Metrics = current_app.extensions["outpost.metrics"]
    for answer in answers:
        if answer.get("nbHits") == 0:
            metrics.count(EMPTY)
    return answers
