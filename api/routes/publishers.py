"""/v1/publishers."""

from __future__ import annotations

from typing import Any

from flask import Response

from api.blueprints import ApiBlueprint, borrow_index
from api.openapi.schemas import PublisherAnswer, PublisherList
from api.request.arguments import NoArguments, PublishersArguments
from api.request.parameters import Arguments
from api.request.site import base_url
from api.response.answers import answer_publisher
from api.response.conditional import answer_json
from api.response.cursors import find_offset
from api.response.pagination import answer_page
from index.live import OpenGeneration
from index.search import find_publishers, get_publisher

blueprint = ApiBlueprint("publishers", __name__, url_prefix="/v1", description="Who publishes the sources")


@blueprint.reads("/publishers", PublishersArguments, PublisherList, "index_unavailable")
def list_publishers(arguments: Arguments) -> Response:
    """Publishers, by story count or by name

    With `q`, those with a word in name or domain that begins with each word of it.
    """
    with borrow_index() as generation:
        return answer_json(generation, arguments, lambda: _list(generation, arguments))


def _list(generation: OpenGeneration, arguments: dict[str, Any]) -> dict[str, Any]:
    found = find_publishers(generation, arguments["q"], by_name=arguments["sort"] == "name")
    offset = find_offset(generation, arguments)
    page = found[offset : offset + arguments["per_page"]]
    return {
        **answer_page(generation, arguments, offset, len(found), base_url()),
        "results": [answer_publisher(record) for record in page],
    }


@blueprint.reads("/publishers/<publisher_id>", NoArguments, PublisherAnswer, "not_found", "index_unavailable")
def show_publisher(arguments: Arguments, publisher_id: str) -> Response:
    """A publisher

    With the number of its articles, and of the stories that cite them.
    """
    with borrow_index() as generation:
        return answer_json(generation, arguments, lambda: answer_publisher(get_publisher(generation, publisher_id)))
