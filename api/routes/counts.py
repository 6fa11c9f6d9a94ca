"""/v1/facets/{name} and /v1/stats/timeline: how many stories of a search are about what, and from when."""

from __future__ import annotations

from typing import Any

from flask import Response

from api.blueprints import ApiBlueprint, borrow_index
from api.openapi.schemas import FacetValuesAnswer, TimelineAnswer
from api.request.arguments import FacetArguments, TimelineArguments, make_facet_query, make_matching_query, parse_search
from api.request.parameters import Arguments
from api.response.answers import answer_facets
from api.response.conditional import answer_json
from index.documents.stored_hit import format_time
from index.errors import NotFound
from index.live import OpenGeneration
from index.query.requests import FACETS, Interval
from index.search import count_facet, count_timeline

blueprint = ApiBlueprint("counts", __name__, url_prefix="/v1", description="Counts of what a search finds")


@blueprint.reads("/facets/<facet_name>", FacetArguments, FacetValuesAnswer, "not_found", "index_unavailable")
def list_facet_values(arguments: Arguments, facet_name: str) -> Response:
    """Values of a facet

    With `q`, those with a word that begins with each word of it: for a search box over a long list. Counted under
    the search of `search` and the filters, the one on this facet aside.
    """
    with borrow_index() as generation:
        return answer_json(generation, arguments, lambda: _list_values(generation, arguments, facet_name))


def _list_values(generation: OpenGeneration, arguments: dict[str, Any], name: str) -> dict[str, Any]:
    if name not in FACETS:
        raise NotFound("facet", name, FACETS)
    facet = count_facet(generation, make_facet_query(arguments, name))
    return {"facet": name, **answer_facets({name: facet})[name], "generation": generation.name}


@blueprint.reads("/stats/timeline", TimelineArguments, TimelineAnswer, "index_unavailable")
def show_timeline(arguments: Arguments) -> Response:
    """Stories over time

    How many of the stories that the search finds were published in each hour, day, week, month or year (UTC), from
    the first to the last with no gap.
    """
    with borrow_index() as generation:
        return answer_json(generation, arguments, lambda: _show_timeline(generation, arguments))


def _show_timeline(generation: OpenGeneration, arguments: dict[str, Any]) -> dict[str, Any]:
    interval = Interval(arguments["interval"])
    timeline = count_timeline(generation, make_matching_query(arguments, parse_search(arguments)), interval)
    buckets = [
        {"start": format_time(one.start), "end": format_time(one.end), "count": one.count} for one in timeline.buckets
    ]
    total = sum(one.count for one in timeline.buckets) + timeline.missing
    return {
        "interval": interval, "buckets": buckets, "missing": timeline.missing, "total": total,
        "generation": generation.name,
    }  # fmt: skip
