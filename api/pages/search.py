"""/search: the search page, with the parameters and results of /v1/search."""

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
_DEFAULT_FACETS = ("topic", "publisher", "year", "curator", "language")
# Values of each facet after "More topics" is followed.
_MORE_VALUES = 50
_SORT_TITLES = {
    Sort.RELEVANCE: "Relevance", Sort.NEWEST: "Newest", Sort.OLDEST: "Oldest", Sort.SOURCES: "Most sources",
}  # fmt: skip
# The parameters that decide which stories are found and in which order. Feeds accept only these.
FEED_PARAMETERS = (
    "q", "match", "typo", "search_in", "sort", "recency", "topic", "publisher", "curator", "language", "domain", "year",
    "month", "from", "to", "min_sources", "max_sources",
)  # fmt: skip
FEED_FORMATS = ("json", "rss", "atom")
# Labels of the active filters that are not facets.
_OTHER_FILTERS = {
    "from": "From {}", "to": "To {}", "min_sources": "At least {} sources", "max_sources": "At most {} sources",
    "search_in": "In {}",
}  # fmt: skip
UrlParameters = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class OptionLink:
    """A facet value, filter or sort order that a reader can switch on or off by following ``url``.

    ``count``: number of stories, None if not counted.
    """

    label: str
    url: str
    selected: bool
    count: int | None = None


@page("search.html", SearchArguments())
def show_search(generation: OpenGeneration, arguments: Arguments) -> dict[str, Any]:
    root = urlsplit(base_url()).path
    deadline = Deadline(generation.engine.max_seconds)
    facets = make_facet_request(arguments, arguments.get("facets", _DEFAULT_FACETS))
    query = replace(make_search_query(generation, arguments), facets=facets)
    found = run_search(generation.engine, query, correct=arguments["typo"] == "auto")
    if not found.page.total:
        metrics: Metrics = current_app.extensions["outpost.metrics"]
        metrics.count(EMPTY)
    search = f"{root}/search"
    parameters: UrlParameters = {name: value for name, value in request.args.items() if name not in ("page", "cursor")}

    def url_between(first: str, last: str) -> str:
        return make_url(search, {**parameters, "from": first, "to": last})

    matching = replace(make_matching_query(arguments), tree=found.tree, seconds=deadline.remaining())
    filters = {chosen.facet: chosen for chosen in query.filters.values}
    return {
        "query": answer_query(arguments, found, query.sort),
        "page": make_page(generation, arguments, query.offset, found.page.total, root, found.page.after),
        "hits": msgspec.json.decode(answer_hits(found.page.hits, None, root)),
        "facets": [*_list_facets(found.page.facets, filters, parameters, search)],
        "chips": [*_list_filters(generation, filters, parameters, search)],
        "sorts": [*_list_sorts(arguments, query.sort, parameters, search)],
        "timeline": make_timeline(generation, matching, url_between),
        "parameters": parameters,
        "exact_url": make_url(search, {**parameters, "typo": "off"}),
        "unfiltered_url": make_url(search, {"q": arguments["q"] or None}),
        "feeds": make_feeds(root, parameters),
    }


def make_feeds(root: str, parameters: UrlParameters) -> dict[str, str]:
    """URLs of the feeds of a search, by format."""
    feed_parameters = {name: parameters[name] for name in FEED_PARAMETERS if name in parameters}
    return {format_: make_url(f"{root}/v1/feeds/search.{format_}", feed_parameters) for format_ in FEED_FORMATS}


def _list_facets(
    facets: dict[str, Facet], filters: dict[str, ValueFilter], parameters: UrlParameters, search: str
) -> Iterator[dict[str, Any]]:
    """The facets with at least two values, or with a selected one."""
    for name, facet in facets.items():
        value_filter = filters.get(name, ValueFilter(facet=name))
        values = [
            OptionLink(
                value.label,
                make_url(
                    search,
                    {**parameters, name: _format_filter(value_filter.any_of ^ {value.value}, value_filter.none_of)},
                ),
                value.selected,
                value.count,
            )
            for value in facet.values
        ]
        if len(values) > 1 or any(value.selected for value in values):
            more = make_url(search, {**parameters, "facet_size": str(_MORE_VALUES)}) if facet.other else ""
            yield {"name": name, "title": FACET_TITLES[name], "values": values, "more": more}


def _list_filters(
    generation: OpenGeneration, filters: dict[str, ValueFilter], parameters: UrlParameters, search: str
) -> Iterator[OptionLink]:
    """The active filters. The URL of each is the search without it."""
    for name, value_filter in filters.items():
        labels = generation.engine.find_labels(name)
        for value in sorted(value_filter.any_of):
            remaining = _format_filter(value_filter.any_of - {value}, value_filter.none_of)
            yield OptionLink(labels.get(value, value), make_url(search, {**parameters, name: remaining}), True)
        for value in sorted(value_filter.none_of):
            remaining = _format_filter(value_filter.any_of, value_filter.none_of - {value})
            yield OptionLink(f"not {labels.get(value, value)}", make_url(search, {**parameters, name: remaining}), True)
    for name, label in _OTHER_FILTERS.items():
        if name in parameters:
            yield OptionLink(label.format(parameters[name]), make_url(search, {**parameters, name: None}), True)


def _list_sorts(arguments: Arguments, current: Sort, parameters: UrlParameters, search: str) -> Iterator[OptionLink]:
    default = Sort.RELEVANCE if arguments["q"] else Sort.NEWEST
    for sort, title in _SORT_TITLES.items():
        if sort is not Sort.RELEVANCE or arguments["q"]:
            value = None if sort is default else sort.value
            yield OptionLink(title, make_url(search, {**parameters, "sort": value}), sort is current)


def _format_filter(any_of: frozenset[str], none_of: frozenset[str]) -> str | None:
    """A filter as the value of a URL parameter: ``ferries,-robots``. None if it is empty."""
    return ",".join([*sorted(any_of), *(f"-{value}" for value in sorted(none_of))]) or None
