"""/v1/sources: the articles that stories cite."""

from __future__ import annotations

from typing import Any

from api.endpoint import ApiBlueprint
from api.openapi.schemas import SourceAnswer, SourceList
from api.request.arguments import NoArguments, SourcesArguments, make_source_query
from api.request.parameters import Arguments
from api.request.site import base_url
from api.response.answers import answer_source
from api.response.pagination import make_page
from index.live import OpenGeneration
from index.search import get_source

blueprint = ApiBlueprint("sources", __name__, url_prefix="/v1", description="The articles behind the stories")


@blueprint.get_json("/sources", SourcesArguments, SourceList, "index_unavailable")
def list_sources(generation: OpenGeneration, arguments: Arguments) -> dict[str, Any]:
    """Search sources

    By relevance with `q`, else newest first. A source without a time is in no time range.
    """
    query = make_source_query(generation, arguments)
    page = generation.engine.search_sources(query)
    results = [answer_source(record, score) for record, score in page.hits]
    return {**make_page(generation, arguments, query.offset, page.total, base_url(), page.after), "results": results}


@blueprint.get_json("/sources/<source_id>", NoArguments, SourceAnswer, "not_found", "index_unavailable")
def show_source(generation: OpenGeneration, arguments: Arguments, source_id: str) -> dict[str, Any]:
    """A source, with the stories that cite it

    Different spellings of a URL are one source; its data is merged from all stories that cite it.
    """
    return answer_source(get_source(generation, source_id))
