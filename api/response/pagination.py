"""The pages around an answer, as links in its body and its Link header."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import urlencode

from flask import request

from api.request.arguments import MAX_WINDOW, Matching
from api.request.cursors import Position, make_cursor
from index.live import OpenGeneration

Json = dict[str, Any]
# Proxies allow 4 kB for all headers of an answer by default, and answer 502 if that is not enough.
_MAX_HEADER = 3000
# Parameters that decide which stories match. A feed has its own order and pages.
_MATCHING = frozenset(field.data_key or name for name, field in Matching().fields.items())


def make_page(
    generation: OpenGeneration, arguments: Json, offset: int, total: int, base: str, search_after: str = ""
) -> Json:
    """The members of a list that say which page it is: ``total, page, per_page, pages, links, next_cursor``.

    ``offset``: the number of results before this page. ``base``: put before the paths of links. ``search_after``: the
    engine's token for the next page.
    """
    per_page, with_cursor = arguments["per_page"], "cursor" in arguments
    page, pages = offset // per_page + 1, math.ceil(total / per_page)
    more = offset + per_page < total
    cursor = make_cursor(generation, arguments, Position(offset + per_page, search_after)) if more else None
    path, query = base + request.path, _query_without("page", "cursor")
    beyond_window = with_cursor or (page + 1) * per_page > MAX_WINDOW
    # From a page beyond the end, the page before is the last one.
    before = None if with_cursor else min(page - 1, pages) or None
    links = {
        "self": _link(path, query, cursor=arguments["cursor"]) if with_cursor else _link(path, query, page),
        "first": _link(path, query, 1),
        "next": None
        if not more
        else _link(path, query, cursor=cursor)
        if beyond_window
        else _link(path, query, page + 1),
        "prev": before and _link(path, query, before),
    }
    return {
        "total": total, "page": page, "per_page": per_page, "pages": pages, "links": links, "next_cursor": cursor,
    }  # fmt: skip


def make_feed_link(base: str) -> str:
    """The feed of this request's search, as Atom: the form that every reader knows."""
    query = urlencode([(name, value) for name, value in request.args.items() if name in _MATCHING])
    return f"{base}/v1/feeds/search.atom" + (f"?{query}" if query else "")


def make_link_header(links: Json) -> str:
    """The header Link (RFC 8288) with ``next``, ``prev`` and the feed as ``alternate``, as many as fit."""
    parts = [f'<{links[rel]}>; rel="{rel}"' for rel in ("next", "prev") if links[rel]]
    if "feed" in links:
        parts.append(f'<{links["feed"]}>; rel="alternate"; type="application/atom+xml"')
    while len(header := ", ".join(parts)) > _MAX_HEADER:
        # A long URL of the request makes each link as long.
        parts.pop()
    return header


def _query_without(*names: str) -> str:
    """This request's query string without some parameters."""
    return urlencode([(name, value) for name, value in request.args.items() if name not in names])


def _link(path: str, query: str, page: int = 1, cursor: str | None = None) -> str:
    """This request's URL with another page, or with a cursor."""
    position = f"cursor={cursor}" if cursor else f"page={page}" if page > 1 else ""
    parameters = "&".join(filter(None, (query, position)))
    return path + (f"?{parameters}" if parameters else "")
