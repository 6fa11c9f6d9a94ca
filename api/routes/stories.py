"""/v1/stories: the list, one story, its sources and related stories."""

from __future__ import annotations

from typing import Any

from api.endpoint import ApiBlueprint
from api.openapi.schemas import RelatedList, StoryList, StorySelection, StorySourceList
from api.request.arguments import (
    LookupArguments,
    NoArguments,
    RelatedArguments,
    StoriesArguments,
    StoryArguments,
    make_search_query,
)
from api.request.cursors import read_position
from api.request.parameters import Arguments
from api.request.site import base_url
from api.response.answers import answer_detail, answer_related, answer_stored_hits, answer_story_sources, select_keys
from api.response.pagination import make_page
from index.live import OpenGeneration
from index.search import find_citing, get_story, related_stories

blueprint = ApiBlueprint("stories", __name__, description="Stories and what belongs to them")
# Related stories that come with a story; /related gives up to 20.
_RELATED = 5


@blueprint.get_json("/v1/stories", StoriesArguments, StoryList, "index_unavailable")
def list_stories(generation: OpenGeneration, arguments: Arguments) -> dict[str, Any]:
    """Stories, newest first

    Takes the filters of the search, without a query. Stories without a time come last.
    """
    query = make_search_query(generation, arguments)
    page = generation.engine.search_stories(query)
    results = answer_stored_hits(page.hits, arguments.get("fields_"), base_url())
    return {**make_page(generation, arguments, query.offset, page.total, base_url(), page.after), "results": results}


@blueprint.get_json("/v1/lookup", LookupArguments, StoryList, "index_unavailable")
def lookup(generation: OpenGeneration, arguments: Arguments) -> dict[str, Any]:
    """Stories that cite an article

    Newest first. Scheme, `www.`, tracking parameters, fragment and a trailing slash of the URL make no difference.
    """
    offset = read_position(generation, arguments).offset
    page = find_citing(generation, arguments["url"], offset, arguments["per_page"])
    results = answer_stored_hits(page.hits, arguments.get("fields_"), base_url())
    return {**make_page(generation, arguments, offset, page.total, base_url()), "results": results}


@blueprint.get_json("/v1/stories/<story_id>", StoryArguments, StorySelection, "not_found", "gone", "index_unavailable")
def show_story(generation: OpenGeneration, arguments: Arguments, story_id: str) -> dict[str, Any]:
    """A story

    With its sections and sources, and with related stories if `include` has `related`. 410 for a removed story, 404
    with similar ids for an unknown one.
    """
    story = get_story(generation, story_id)
    include = arguments["include"]
    related = related_stories(generation, story, _RELATED) if "related" in include else []
    return select_keys(answer_detail(story, base_url(), include, related), arguments.get("fields_"))


@blueprint.get_json(
    "/v1/stories/<story_id>/related", RelatedArguments, RelatedList, "not_found", "gone", "index_unavailable"
)
def list_related(generation: OpenGeneration, arguments: Arguments, story_id: str) -> dict[str, Any]:
    """Related stories

    Curated ones first, in their order; then those that cite one of its articles; then the most similar ones.
    """
    related = related_stories(generation, get_story(generation, story_id), arguments["limit"])
    return {"total": len(related), "results": [answer_related(entry, base_url()) for entry in related]}


@blueprint.get_json(
    "/v1/stories/<story_id>/sources", NoArguments, StorySourceList, "not_found", "gone", "index_unavailable"
)
def list_story_sources(generation: OpenGeneration, arguments: Arguments, story_id: str) -> dict[str, Any]:
    """The sources of a story, by the number that its citations use

    All of them, in the order of the story: `n` is what `citations` of its paragraphs count by, from 1.
    """
    sources = answer_story_sources(get_story(generation, story_id))
    return {"total": len(sources), "results": sources}
