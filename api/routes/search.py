"""/v1/search."""

from __future__ import annotations

import time
from typing import Any

from flask import Response, current_app
from msgspec.structs import replace

from api.blueprints import ApiBlueprint, borrow_index
from api.observability.metrics import EMPTY, Metrics
from api.openapi.schemas import SearchAnswer
from api.request.arguments import SearchArguments, make_highlight_options, make_search_query, parse_search
from api.request.parameters import Arguments
from api.request.site import base_url
from api.response.answers import answer_facets, answer_hits, answer_query
from api.response.conditional import answer_json
from api.response.cursors import find_place
from api.response.pagination import answer_page, make_feed_link
from index.live import OpenGeneration
from index.search import search_corrected

blueprint = ApiBlueprint("search", __name__, url_prefix="/v1", description="Stories by words and filters")


@blueprint.reads("/search", SearchArguments, SearchAnswer, "index_unavailable")
def search(arguments: Arguments) -> Response:
    """Search stories

    Words must all match; "exact phrase", -word, OR, ( ), prefix* and field:word are understood, with the fields
    title, summary, body, source, topic, publisher and curator. No text is an error: `query.parsed` shows how it
    was read. Sorting never changes what matches, and the total is exact. Where nothing is found, words that occur
    nowhere are corrected, then any word is enough; `query` says so.
    """
    with borrow_index() as generation:
        return answer_json(generation, arguments, lambda: _search(generation, arguments))


def _search(generation: OpenGeneration, arguments: dict[str, Any]) -> dict[str, Any]:
    started = time.perf_counter()
    offset, after = find_place(generation, arguments)
    query = replace(
        make_search_query(arguments, parse_search(arguments), offset, make_highlight_options(arguments)), after=after
    )
    found = search_corrected(generation, query, correct=arguments["typo"] == "auto")
    if not found.page.total:
        metrics: Metrics = current_app.extensions["outpost.metrics"]
        metrics.count(EMPTY)
    results = answer_hits(found.page.hits, arguments.get("fields_"), base_url())
    paging = answer_page(generation, arguments, offset, found.page.total, base_url(), found.page.after)
    paging["links"]["feed"] = make_feed_link(base_url())
    took = (time.perf_counter() - started) * 1000
    return {
        "query": answer_query(arguments, found, query.sort),
        **paging,
        "total_relation": "eq",
        "took_ms": round(took, 3),
        "generation": generation.name,
        "facets": answer_facets(found.page.facets),
        "results": results,
    }
