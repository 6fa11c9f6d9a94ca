"""/v1/stories/{id}.jsonld: a story in the words of schema.org, for search engines and whoever reads linked data."""

from __future__ import annotations

import msgspec
from flask import Response

from api.blueprints import ApiBlueprint, borrow_index
from api.openapi.sharing_schemas import ArticleAnswer
from api.request.arguments import NoArguments
from api.request.parameters import Arguments
from api.request.site import base_url
from api.response.cache import Entry
from api.response.conditional import Form, answer_kept
from api.response.jsonld import describe_article
from index.live import OpenGeneration
from index.search import get_story

MEDIA_TYPE = "application/ld+json"
blueprint = ApiBlueprint("jsonld", __name__, url_prefix="/v1", description="Stories as linked data")


@blueprint.reads(
    "/stories/<story_id>.jsonld", NoArguments, ArticleAnswer, "not_found", "gone", "index_unavailable",
    media_type=MEDIA_TYPE,
)  # fmt: skip
def show_article(arguments: Arguments, story_id: str) -> Response:
    """A story as schema.org's NewsArticle

    Its sources are `citation`, by their position. What the story does not say is left out. The page to share has the
    same in a script element.
    """
    with borrow_index() as generation:
        return answer_kept(generation, arguments, Form(MEDIA_TYPE, base_url()), lambda: _show(generation, story_id))


def _show(generation: OpenGeneration, story_id: str) -> Entry:
    return msgspec.json.encode(describe_article(get_story(generation, story_id), base_url())), ""
