"""/v1/stories/{id}.jsonld: a story as linked data of schema.org."""

from __future__ import annotations

import msgspec

from api.endpoint import ApiBlueprint
from api.openapi.sharing_schemas import ArticleAnswer
from api.request.arguments import NoArguments
from api.request.parameters import Arguments
from api.request.site import base_url
from api.response.jsonld import describe_article
from index.live import OpenGeneration
from index.search import get_story

MEDIA_TYPE = "application/ld+json"
blueprint = ApiBlueprint("jsonld", __name__, url_prefix="/v1", description="Stories as linked data")


@blueprint.get_document(
    "/stories/<story_id>.jsonld", NoArguments, ArticleAnswer, "not_found", "gone", "index_unavailable",
    media_type=MEDIA_TYPE,
)  # fmt: skip
def show_article(generation: OpenGeneration, arguments: Arguments, story_id: str) -> bytes:
    """A story as schema.org's NewsArticle

    Its sources are `citation`, by position. Empty values are left out. The page of the story contains the same in a
    script element.
    """
    return msgspec.json.encode(describe_article(get_story(generation, story_id), base_url()))
