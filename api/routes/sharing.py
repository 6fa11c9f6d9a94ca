"""/s/, the address for sharing, where there are no pages that it could lead to."""

from __future__ import annotations

from flask import redirect
from werkzeug import Response

from api.endpoint import ApiBlueprint
from api.request.site import base_url
from index.live import OpenGeneration
from index.search import get_shared_story

blueprint = ApiBlueprint("sharing", __name__, description="Addresses for sharing")


@blueprint.redirects("/s/<name>")
def follow_share_url(generation: OpenGeneration, name: str) -> Response:
    """From the address for sharing to the story"""
    return redirect(f"{base_url()}/v1/stories/{get_shared_story(generation, name).id}")
