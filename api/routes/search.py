"""/v1/search."""

from __future__ import annotations

import time
from typing import Any

from flask import current_app

from api.endpoint import ApiBlueprint
from api.observability.metrics import EMPTY, Metrics
from api.openapi.schemas import SearchAnswer
from api.request.arguments import SearchArguments, make_search_query
from api.request.parameters import Arguments
from api.request.site import base_url
from api.response.answers import answer_facets, answer_hits, answer_query
from api.response.pagination import make_feed_link, make_page
from index.live import OpenGeneration
from index.search import run_search

blueprint = ApiBlueprint("search", __name__, url_prefix="/v1", description="Stories by words and filters")


@blueprint.get_json("/search", SearchArguments, SearchAnswer, "index_unavailable")
def search(generation: OpenGeneration, arguments: Arguments) -> dict[str, Any]:
    """Search stories

    All words must match. The query language has "exact phrase", -word, OR, ( ), prefix* and field:word, with the
    fields title, summary, body, source, topic, publisher and curator. No query is a syntax error: anything
    malformed is searched as plain words, and `query.parsed` shows how the query was understood. The total is exact,
    and sorting never changes what matches. If nothing matches, unknown words are corrected, then any word is enough;
    `query` says which.
    """
    started = time.perf_counter()
    query = make_search_query(generation, arguments)
    result = run_search(generation.engine, query, correct=arguments["typo"] == "auto")
    page = result.page
    if not page.total:
        metrics: Metrics = current_app.extensions["outpost.metrics"]
        metrics.count(EMPTY)
    results = answer_hits(page.hits, arguments.get("fields_"), base_url())
    paging = make_page(generation, arguments, query.offset, page.total, base_url(), page.after)
    paging["links"]["feed"] = make_feed_link(base_url())
    took = (time.perf_counter() - started) * 1000
    return {
        "query": answer_query(arguments, result, query.sort),
        **paging,
        "total_relation": "eq",
        "took_ms": round(took, 3),
        "generation": generation.name,
        "facets": answer_facets(page.facets),
        "results": results,
    }
