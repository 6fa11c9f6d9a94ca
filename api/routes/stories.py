"""/v1/stories: the list, one story, and what belongs to it."""

from __future__ import annotations

from typing import Any

from flask import Response
from msgspec.structs import replace

from api.blueprints import ApiBlueprint, borrow_index
from api.openapi.schemas import RelatedList, StoryList, StorySelection, StorySourceList
from api.request.arguments import (
    LookupArguments,
    NoArguments,
    RelatedArguments,
    StoriesArguments,
    StoryArguments,
    make_search_query,
)
from api.request.parameters import Arguments
from api.request.site import base_url
from api.response.answers import answer_detail, answer_related, answer_stored_hits, answer_story_sources, select_keys
from api.response.conditional import answer_json
from api.response.cursors import find_offset, find_place
from api.response.pagination import answer_page
from index.live import OpenGeneration
from index.search import find_citing, get_story, related_stories, search_stories

blueprint = ApiBlueprint("stories", __name__, description="Stories and what belongs to them")
# How many related stories come with a story; /related gives more.
_RELATED = 5


@blueprint.reads("/v1/stories", StoriesArguments, StoryList, "index_unavailable")
def list_stories(arguments: Arguments) -> Response:
    """Stories, newest first

    The filters of the search, without its words. A story without a time comes after every dated one.
    """
    with borrow_index() as generation:
        return answer_json(generation, arguments, lambda: _list(generation, arguments))


def _list(generation: OpenGeneration, arguments: dict[str, Any]) -> dict[str, Any]:
    offset, after = find_place(generation, arguments)
    page = search_stories(generation, replace(make_search_query(arguments, None, offset), after=after))
    results = answer_stored_hits(page.hits, arguments.get("fields_"), base_url())
    return {**answer_page(generation, arguments, offset, page.total, base_url(), page.after), "results": results}


@blueprint.reads("/v1/lookup", LookupArguments, StoryList, "index_unavailable")
def lookup(arguments: Arguments) -> Response:
    """Stories that cite an article

    Newest first. The URL is found however it is spelled: scheme, `www.`, tracking parameters, fragment and a trailing
    slash make no difference.
    """
    with borrow_index() as generation:
        return answer_json(generation, arguments, lambda: _lookup(generation, arguments))


def _lookup(generation: OpenGeneration, arguments: dict[str, Any]) -> dict[str, Any]:
    offset = find_offset(generation, arguments)
    page = find_citing(generation, arguments["url"], offset, arguments["per_page"])
    results = answer_stored_hits(page.hits, arguments.get("fields_"), base_url())
    return {**answer_page(generation, arguments, offset, page.total, base_url()), "results": results}


@blueprint.reads("/v1/stories/<story_id>", StoryArguments, StorySelection, "not_found", "gone", "index_unavailable")
def show_story(arguments: Arguments, story_id: str) -> Response:
    """A story

    With its sections and sources, and related stories where `include` asks for them. 410 for a story that was in
    the index and has been removed; 404 with ids that look alike for one that was never there.
    """
    with borrow_index() as generation:
        return answer_json(generation, arguments, lambda: _show(generation, arguments, story_id))


def _show(generation: OpenGeneration, arguments: dict[str, Any], story_id: str) -> dict[str, Any]:
    story = get_story(generation, story_id)
    include = arguments["include"]
    related = related_stories(generation, story, _RELATED) if "related" in include else []
    return select_keys(answer_detail(story, base_url(), include, related), arguments.get("fields_"))


@blueprint.reads(
    "/v1/stories/<story_id>/related", RelatedArguments, RelatedList, "not_found", "gone", "index_unavailable"
)
def list_related(arguments: Arguments, story_id: str) -> Response:
    """Stories to go on with

    Curated ones first, in their order; then those that cite a same article; then the most similar ones.
    """
    with borrow_index() as generation:
        return answer_json(generation, arguments, lambda: _related(generation, story_id, arguments["limit"]))


def _related(generation: OpenGeneration, story_id: str, limit: int) -> dict[str, Any]:
    related = related_stories(generation, get_story(generation, story_id), limit)
    return {"total": len(related), "results": [answer_related(entry, base_url()) for entry in related]}


@blueprint.reads(
    "/v1/stories/<story_id>/sources", NoArguments, StorySourceList, "not_found", "gone", "index_unavailable"
)
def list_story_sources(arguments: Arguments, story_id: str) -> Response:
    """The sources of a story, by the number that its citations use

    All of them, in the order of the story: `n` is what `citations` of its paragraphs count by, from 1.
    """
    with borrow_index() as generation:
        return answer_json(generation, arguments, lambda: _story_sources(generation, story_id))


def _story_sources(generation: OpenGeneration, story_id: str) -> dict[str, Any]:
    sources = answer_story_sources(get_story(generation, story_id))
    return {"total": len(sources), "results": sources}
