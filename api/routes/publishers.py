"""/v1/publishers."""

from __future__ import annotations

from typing import Any

from api.endpoint import ApiBlueprint
from api.openapi.schemas import PublisherAnswer, PublisherList
from api.request.arguments import NoArguments, PublishersArguments
from api.request.cursors import read_position
from api.request.parameters import Arguments
from api.request.site import base_url
from api.response.answers import answer_publisher
from api.response.pagination import make_page
from index.live import OpenGeneration
from index.search import find_publishers, get_publisher

blueprint = ApiBlueprint("publishers", __name__, url_prefix="/v1", description="Who publishes the sources")


@blueprint.get_json("/publishers", PublishersArguments, PublisherList, "index_unavailable")
def list_publishers(generation: OpenGeneration, arguments: Arguments) -> dict[str, Any]:
    """Publishers, by story count or by name

    With `q`, only publishers with words in name or domain that begin with the words of `q`.
    """
    publishers = find_publishers(generation, arguments["q"], by_name=arguments["sort"] == "name")
    offset = read_position(generation, arguments).offset
    results = [answer_publisher(record) for record in publishers[offset : offset + arguments["per_page"]]]
    return {**make_page(generation, arguments, offset, len(publishers), base_url()), "results": results}


@blueprint.get_json("/publishers/<publisher_id>", NoArguments, PublisherAnswer, "not_found", "index_unavailable")
def show_publisher(generation: OpenGeneration, arguments: Arguments, publisher_id: str) -> dict[str, Any]:
    """A publisher

    With the number of its articles and of the stories that cite them.
    """
    return answer_publisher(get_publisher(generation, publisher_id))
