"""/, /topics/{id} and /publishers/{id}: lists of stories, newest first."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import msgspec
from flask import redirect
from msgspec.structs import replace
from werkzeug import Response

from api.pages.addresses import make_url
from api.pages.rendering import page
from api.pages.search import make_feeds
from api.pages.timeline import make_timeline
from api.request.arguments import Paging
from api.request.cursors import read_position
from api.request.parameters import Arguments
from api.request.site import base_url
from api.response.answers import answer_publisher, answer_stored_hits
from api.response.pagination import make_page
from index.deadline import Deadline
from index.documents.identity import slug_of
from index.errors import NotFound
from index.live import OpenGeneration
from index.query.requests import FacetRequest, Filters, SearchQuery, ValueFilter
from index.query.results import FacetValue, SearchPage
from index.search import get_publisher
from index.suggestions import suggest

_NEWEST = 21
_VALUES = 14
_TRENDING = 8
# Stories give domains as free text: only text that looks like a domain becomes a link.
_DOMAIN = re.compile(r"[\w-]{1,63}(\.[\w-]{1,63}){1,8}")


@page("home.html")
def show_newest(generation: OpenGeneration, arguments: Arguments) -> dict[str, Any]:
    root = urlsplit(base_url()).path
    deadline = Deadline(generation.engine.max_seconds)
    page = generation.engine.search_stories(
        SearchQuery(limit=_NEWEST, facets=FacetRequest(names=("topic", "publisher"), size=_VALUES))
    )
    return {
        "status": generation.manifest.status,
        "stories": _decode_hits(page, root),
        "topics": page.facets["topic"].values,
        "publishers": page.facets["publisher"].values,
        "trending": [entry for entry in suggest(generation, None, _TRENDING) if entry.type in ("query", "topic")],
        "timeline": make_timeline(
            generation,
            SearchQuery(seconds=deadline.remaining()),
            lambda first, last: make_url(f"{root}/search", {"from": first, "to": last}),
        ),
        "feeds": make_feeds(root, {}),
    }


def _move_topic(generation: OpenGeneration, topic_id: str) -> Response | None:
    """To the id of a topic whose label was given, as filters accept it too."""
    slug = slug_of(topic_id)
    return redirect(f"{base_url()}/topics/{slug}", 301) if slug and slug != topic_id else None


@page("topic.html", Paging(), move=_move_topic)
def show_topic(generation: OpenGeneration, arguments: Arguments, topic_id: str) -> dict[str, Any]:
    labels = generation.engine.find_labels("topic")
    if topic_id not in labels:
        raise NotFound("topic", topic_id)
    return {
        "label": labels[topic_id],
        **_list_stories(generation, arguments, "topic", topic_id, beside="publisher"),
    }


@page("publisher.html", Paging())
def show_publisher(generation: OpenGeneration, arguments: Arguments, publisher_id: str) -> dict[str, Any]:
    publisher = answer_publisher(get_publisher(generation, publisher_id))
    return {
        "publisher": publisher,
        "website": f"https://{publisher['domain']}/" if _DOMAIN.fullmatch(publisher["domain"]) else "",
        **_list_stories(generation, arguments, "publisher", publisher_id, beside="topic"),
    }


def _list_stories(
    generation: OpenGeneration, arguments: Arguments, facet: str, value: str, beside: str
) -> dict[str, Any]:
    """One page of the stories with ``value`` in ``facet``, and the most frequent values of the facet ``beside``."""
    root = urlsplit(base_url()).path
    deadline = Deadline(generation.engine.max_seconds)
    position = read_position(generation, arguments)
    query = SearchQuery(
        filters=Filters(values=(ValueFilter(facet=facet, any_of=frozenset({value})),)),
        facets=FacetRequest(names=(beside,), size=_VALUES),
        offset=position.offset,
        limit=arguments["per_page"],
        after=position.search_after,
    )
    found = generation.engine.search_stories(query)
    search = f"{root}/search"

    def url_between(first: str, last: str) -> str:
        return make_url(search, {facet: value, "from": first, "to": last})

    return {
        "id": value,
        "stories": _decode_hits(found, root),
        "page": make_page(generation, arguments, position.offset, found.total, root, found.after),
        "beside": [
            _make_value_link(entry, search, {facet: value, beside: entry.value})
            for entry in found.facets[beside].values
        ],
        "search_url": make_url(search, {facet: value}),
        "timeline": make_timeline(generation, replace(query, seconds=deadline.remaining()), url_between),
        "feeds": make_feeds(root, {facet: value}),
    }


def _make_value_link(value: FacetValue, search: str, parameters: dict[str, str]) -> dict[str, Any]:
    return {"label": value.label, "count": value.count, "url": make_url(search, parameters)}


def _decode_hits(page: SearchPage, root: str) -> Any:
    return msgspec.json.decode(answer_stored_hits(page.hits, None, root))
