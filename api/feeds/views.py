"""/v1/feeds/search.json, .rss and .atom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from flask import current_app, request
from marshmallow import Schema

from api.endpoint import ApiBlueprint, View
from api.feeds import atom, json_feed, rss
from api.feeds.feed import GENERATOR, Feed, make_entries
from api.openapi.sharing_schemas import JsonFeedAnswer
from api.request.arguments import FeedArguments, make_search_query
from api.request.parameters import Arguments
from api.request.site import Site, find_site
from api.response.conditional import Form
from api.response.pagination import make_page
from api.settings import Settings
from index.deadline import Deadline
from index.live import OpenGeneration
from index.search import iter_stories, run_search

blueprint = ApiBlueprint("feeds", __name__, url_prefix="/v1", description="Any search as a feed")
# Readers that look at it do not come again before; an hour old is better than none while it is fetched again.
_CACHE_CONTROL = "public, max-age=300, stale-while-revalidate=3600"
# An index that is so old has no other one of the same second after it.
_SETTLED = timedelta(seconds=2)
_XML = {"type": "string"}
# Parameters that do not say which stories a feed is about.
_PLACE = frozenset(("page", "per_page", "cursor", "sort", "recency", "typo"))


def _make_form(media_type: str, generation: OpenGeneration, arguments: Arguments) -> Form:
    site = find_site()
    modified = _find_modified(generation)
    return Form(f"{media_type}; charset=utf-8", site.base, site.limit(_CACHE_CONTROL), modified)


def _find_modified(generation: OpenGeneration) -> datetime | None:
    """When the index was built, for readers that ask If-Modified-Since.

    Nothing where the answer changes as time goes by, or where another index may follow within the same second.
    """
    moving = any(request.args.get(name, "").startswith("now") for name in ("from", "to"))
    built = generation.manifest.built_at
    return None if moving or datetime.now(UTC) - built < _SETTLED else built


def _feed(suffix: str, media_type: str, answer: type[Schema] | dict[str, Any]) -> Callable[[View], View]:
    """Route /v1/feeds/search.``suffix`` to a view that returns a feed of this media type."""
    form = partial(_make_form, media_type)
    return blueprint.get_document(
        f"/feeds/search.{suffix}", FeedArguments, answer, "index_unavailable", media_type=media_type, form=form
    )


@_feed("json", json_feed.MEDIA_TYPE, JsonFeedAnswer)
def read_json_feed(generation: OpenGeneration, arguments: Arguments) -> bytes:
    """Search as JSON Feed 1.1

    Any search, newest first: title, summary, text with citations and sources as HTML, topics, picture, who curated it.
    `next_url` leads to older stories.
    """
    return json_feed.render(_make_feed(generation, arguments))


@_feed("rss", rss.MEDIA_TYPE, _XML)
def read_rss(generation: OpenGeneration, arguments: Arguments) -> bytes:
    """Search as RSS 2.0

    The same as the JSON Feed. Links of Atom lead from page to page (RFC 5005).
    """
    return rss.render(_make_feed(generation, arguments))


@_feed("atom", atom.MEDIA_TYPE, _XML)
def read_atom(generation: OpenGeneration, arguments: Arguments) -> bytes:
    """Search as Atom 1.0

    The same as the JSON Feed. Links lead from page to page (RFC 5005).
    """
    return atom.render(_make_feed(generation, arguments))


def _make_feed(generation: OpenGeneration, arguments: Arguments) -> Feed:
    site = find_site()
    query = make_search_query(generation, arguments)
    deadline = Deadline(generation.engine.max_seconds)
    page = run_search(generation.engine, query, correct=arguments["typo"] == "auto").page
    title, description = _name(arguments)
    return Feed(
        title=title,
        description=description,
        home=_find_home(site),
        links=make_page(generation, arguments, query.offset, page.total, site.base, page.after)["links"],
        entries=make_entries(iter_stories(generation, deadline.pace([hit.id for hit in page.hits])), site.base),
        built=generation.manifest.built_at,
    )


def _name(arguments: Arguments) -> tuple[str, str]:
    """Title and description: the words, and the filters as they were sent."""
    filters = [f"{name}={value}" for name, value in sorted(request.args.items()) if name not in _PLACE | {"q"}]
    words = arguments["q"].strip()
    title = ": ".join(filter(None, (GENERATOR, words))) + (f" ({', '.join(filters)})" if filters else "")
    return title, f"Stories found by {words}" if words else "Stories"


def _find_home(site: Site) -> str:
    """Where readers see the same stories; without pages, where they are answered."""
    query = urlencode([(name, value) for name, value in request.args.items() if name not in _PLACE])
    settings: Settings = current_app.extensions["outpost.settings"]
    path = "/search" if settings.pages == "on" else "/v1/search"
    return site.base + path + (f"?{query}" if query else "")
