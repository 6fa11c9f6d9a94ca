"""/v1/sources: the articles themselves."""

from __future__ import annotations

from typing import Any

from flask import Response
from msgspec.structs import replace

from api.blueprints import ApiBlueprint, borrow_index
from api.openapi.schemas import SourceAnswer, SourceList
from api.request.arguments import NoArguments, SourcesArguments, make_source_query
from api.request.parameters import Arguments
from api.request.site import base_url
from api.response.answers import answer_source
from api.response.conditional import answer_json
from api.response.cursors import find_place
from api.response.pagination import answer_page
from index.live import OpenGeneration
from index.search import get_source, search_sources

blueprint = ApiBlueprint("sources", __name__, url_prefix="/v1", description="The articles behind the stories")


@blueprint.reads("/sources", SourcesArguments, SourceList, "index_unavailable")
def list_sources(arguments: Arguments) -> Response:
    """Search sources

    By relevance with `q`, else newest first. A source without a time of its own is in no range of time.
    """
    with borrow_index() as generation:
        return answer_json(generation, arguments, lambda: _list(generation, arguments))


def _list(generation: OpenGeneration, arguments: dict[str, Any]) -> dict[str, Any]:
    offset, after = find_place(generation, arguments)
    page = search_sources(generation, replace(make_source_query(arguments, offset), after=after))
    results = [answer_source(record, score) for record, score in page.hits]
    return {**answer_page(generation, arguments, offset, page.total, base_url(), page.after), "results": results}


@blueprint.reads("/sources/<source_id>", NoArguments, SourceAnswer, "not_found", "index_unavailable")
def show_source(arguments: Arguments, source_id: str) -> Response:
    """A source, with the stories that cite it

    An article is one however its URL is spelled; what its stories say of it is merged.
    """
    with borrow_index() as generation:
        return answer_json(generation, arguments, lambda: answer_source(get_source(generation, source_id)))
