"""/v1/facets/{name} and /v1/stats/timeline: the matches of a search, counted by facet value or by time."""

from __future__ import annotations

from typing import Any

from api.endpoint import ApiBlueprint
from api.openapi.schemas import FacetValuesAnswer, TimelineAnswer
from api.request.arguments import FacetArguments, TimelineArguments, make_facet_query, make_matching_query
from api.request.parameters import Arguments
from api.response.answers import answer_facets
from index.documents.stored_hit import format_time
from index.errors import NotFound
from index.live import OpenGeneration
from index.query.requests import FACETS, Interval
from index.search import count_facet, count_timeline

blueprint = ApiBlueprint("counts", __name__, url_prefix="/v1", description="Counts of what a search finds")


@blueprint.get_json("/facets/<facet_name>", FacetArguments, FacetValuesAnswer, "not_found", "index_unavailable")
def list_facet_values(generation: OpenGeneration, arguments: Arguments, facet_name: str) -> dict[str, Any]:
    """Values of a facet

    With `q`, only values with words that begin with the words of `q`: for a search box over a long list. The counts
    are those of the query `search` with all filters except the filter on this facet.
    """
    if facet_name not in FACETS:
        raise NotFound("facet", facet_name, FACETS)
    facet = count_facet(generation, make_facet_query(arguments, facet_name))
    return {"facet": facet_name, **answer_facets({facet_name: facet})[facet_name], "generation": generation.name}


@blueprint.get_json("/stats/timeline", TimelineArguments, TimelineAnswer, "index_unavailable")
def show_timeline(generation: OpenGeneration, arguments: Arguments) -> dict[str, Any]:
    """Stories over time

    The number of matching stories published in each hour, day, week, month or year (UTC), from the first story to the
    last, empty intervals included.
    """
    interval = Interval(arguments["interval"])
    timeline = count_timeline(generation, make_matching_query(arguments), interval)
    buckets = [
        {"start": format_time(bucket.start), "end": format_time(bucket.end), "count": bucket.count}
        for bucket in timeline.buckets
    ]
    total = sum(bucket.count for bucket in timeline.buckets) + timeline.missing
    return {
        "interval": interval, "buckets": buckets, "missing": timeline.missing, "total": total,
        "generation": generation.name,
    }  # fmt: skip
