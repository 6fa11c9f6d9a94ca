"""/s/, the address for sharing, where there are no pages that it could lead to."""

from __future__ import annotations

from typing import Any

from flask import redirect
from werkzeug import Response

from api.blueprints import ApiBlueprint, borrow_index
from api.request.site import base_url
from index.search import get_shared_story

blueprint = ApiBlueprint("sharing", __name__, description="Addresses for sharing")


@blueprint.moves("/s/<name>")
def follow_share_url(arguments: dict[str, Any], name: str) -> Response:
    """From the address for sharing to the story"""
    with borrow_index() as generation:
        story = get_shared_story(generation, name)
        return redirect(f"{base_url()}/v1/stories/{story.id}")
