"""/search: what the API's search finds, for reading, with the same parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec
from flask import current_app, request
from msgspec.structs import replace

from api.observability.metrics import EMPTY, Metrics
from api.pages.addresses import make_url
from api.pages.rendering import page
from api.pages.timeline import make_timeline
from api.request.arguments import (
    SearchArguments,
    make_facet_request,
    make_matching_query,
    make_search_query,
)
from api.request.parameters import Arguments
from api.request.site import base_url
from api.response.answers import answer_hits, answer_query
from api.response.pagination import make_page
from index.deadline import Deadline
from index.live import OpenGeneration
from index.query.requests import Sort, ValueFilter
from index.query.results import Facet
from index.search import run_search

FACET_TITLES = {
    "topic": "Topics", "publisher": "Publishers", "year": "Years", "curator": "Curators", "language": "Languages",
    "domain": "Sites", "month": "Months",
}  # fmt: skip
_SHOWN_FACETS = ("topic", "publisher", "year", "curator", "language")
_MORE_VALUES = 50
_SORT_TITLES = {
    Sort.RELEVANCE: "Relevance", Sort.NEWEST: "Newest", Sort.OLDEST: "Oldest", Sort.SOURCES: "Most sources",
}  # fmt: skip
# What decides which stories are found, and in which order: a feed takes these and no other.
FEED_PARAMETERS = (
    "q", "match", "typo", "search_in", "sort", "recency", "topic", "publisher", "curator", "language", "domain", "year",
    "month", "from", "to", "min_sources", "max_sources",
)  # fmt: skip
FEED_KINDS = ("json", "rss", "atom")
# Filters that are no facets, as chips say them.
_OTHER_FILTERS = {
    "from": "From {}", "to": "To {}", "min_sources": "At least {} sources", "max_sources": "At most {} sources",
    "search_in": "In {}",
}  # fmt: skip
Pairs = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to choose, chosen or not; ``url`` is where the other way leads. ``count`` None: not counted."""

    label: str
    url: str
    selected: bool
    count: int | None = None


@page("search.html", SearchArguments())
def show_search(generation: OpenGeneration, arguments: Arguments) -> dict[str, Any]:
    root = urlsplit(base_url()).path
    deadline = Deadline(generation.engine.longest)
    facets = make_facet_request(arguments, arguments.get("facets", _SHOWN_FACETS))
    query = replace(make_search_query(generation, arguments), facets=facets)
    found = run_search(generation.engine, query, correct=arguments["typo"] == "auto")
    if not found.page.total:
        metrics: Metrics = current_app.extensions["outpost.metrics"]
        metrics.count(EMPTY)
    search = f"{root}/search"
    asked: Pairs = {name: value for name, value in request.args.items() if name not in ("page", "cursor")}

    def url_between(first: str, last: str) -> str:
        return make_url(search, {**asked, "from": first, "to": last})

    matching = replace(make_matching_query(arguments), tree=found.tree, seconds=deadline.left())
    filters = {chosen.facet: chosen for chosen in query.filters.values}
    return {
        "query": answer_query(arguments, found, query.sort),
        "page": make_page(generation, arguments, query.offset, found.page.total, root, found.page.after),
        "hits": msgspec.json.decode(answer_hits(found.page.hits, None, root)),
        "facets": [*_show_facets(found.page.facets, filters, asked, search)],
        "chips": [*_show_filters(generation, filters, asked, search)],
        "sorts": [*_show_sorts(arguments, query.sort, asked, search)],
        "timeline": make_timeline(generation, matching, url_between),
        "asked": asked,
        "exact_url": make_url(search, {**asked, "typo": "off"}),
        "unfiltered_url": make_url(search, {"q": arguments["q"] or None}),
        "feeds": make_feeds(root, asked),
    }


def make_feeds(root: str, asked: Pairs) -> dict[str, str]:
    """The addresses of the same search as feeds, by kind."""
    pairs = {name: asked[name] for name in FEED_PARAMETERS if name in asked}
    return {kind: make_url(f"{root}/v1/feeds/search.{kind}", pairs) for kind in FEED_KINDS}


def _show_facets(
    facets: dict[str, Facet], filters: dict[str, ValueFilter], asked: Pairs, search: str
) -> Iterator[dict[str, Any]]:
    """Those in which there is something to choose."""
    for name, facet in facets.items():
        chosen = filters.get(name, ValueFilter(name))
        values = [
            Choice(
                value.label,
                make_url(search, {**asked, name: _spell(chosen.any_of ^ {value.value}, chosen.none_of)}),
                value.selected,
                value.count,
            )
            for value in facet.values
        ]
        if len(values) > 1 or any(value.selected for value in values):
            more = make_url(search, {**asked, "facet_size": str(_MORE_VALUES)}) if facet.other else ""
            yield {"name": name, "title": FACET_TITLES[name], "values": values, "more": more}


def _show_filters(
    generation: OpenGeneration, filters: dict[str, ValueFilter], asked: Pairs, search: str
) -> Iterator[Choice]:
    """What narrows the search; each leads to the search without it."""
    for name, chosen in filters.items():
        labels = generation.engine.find_labels(name)
        for value in sorted(chosen.any_of):
            rest = _spell(chosen.any_of - {value}, chosen.none_of)
            yield Choice(labels.get(value, value), make_url(search, {**asked, name: rest}), True)
        for value in sorted(chosen.none_of):
            rest = _spell(chosen.any_of, chosen.none_of - {value})
            yield Choice(f"not {labels.get(value, value)}", make_url(search, {**asked, name: rest}), True)
    for name, sentence in _OTHER_FILTERS.items():
        if name in asked:
            yield Choice(sentence.format(asked[name]), make_url(search, {**asked, name: None}), True)


def _show_sorts(arguments: Arguments, current: Sort, asked: Pairs, search: str) -> Iterator[Choice]:
    default = Sort.RELEVANCE if arguments["q"] else Sort.NEWEST
    for sort, title in _SORT_TITLES.items():
        if sort is not Sort.RELEVANCE or arguments["q"]:
            value = None if sort is default else sort.value
            yield Choice(title, make_url(search, {**asked, "sort": value}), sort is current)


def _spell(any_of: frozenset[str], none_of: frozenset[str]) -> str | None:
    """A filter as parameters have it."""
    return ",".join([*sorted(any_of), *(f"-{value}" for value in sorted(none_of))]) or None
