"""HTML pages for readers, rendered from the same data as the API. OUTPOST_PAGES=off turns them off."""

from __future__ import annotations

from flask import Blueprint, Response

from api.pages import lists, search, story
from api.pages.assets import ASSETS
from index.errors import NotFound

blueprint = Blueprint("pages", __name__)
blueprint.add_url_rule("/", view_func=lists.show_newest)
blueprint.add_url_rule("/search", view_func=search.show_search)
blueprint.add_url_rule("/topics/<topic_id>", view_func=lists.show_topic)
blueprint.add_url_rule("/publishers/<publisher_id>", view_func=lists.show_publisher)
blueprint.add_url_rule("/s/<name>", view_func=story.show_story)


@blueprint.get("/static/<name>")
def show_asset(name: str) -> Response:
    asset = ASSETS.get(name)
    if asset is None:
        raise NotFound("file", name[:200])
    response = Response(asset.body, content_type=asset.content_type)
    # The name contains a hash of the content, so the content at a URL never changes.
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
