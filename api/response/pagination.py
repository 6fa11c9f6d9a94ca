"""The pages around an answer, as links in its body and its Link header."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import urlencode

from flask import request

from api.request.arguments import MAX_WINDOW, Matching
from api.response.cursors import make_cursor
from index.live import OpenGeneration

Json = dict[str, Any]
# Proxies keep 4 kB for all headers of an answer together, by default, and answer 502 where that is not enough.
_MAX_HEADER = 3000
# What decides which stories are found: all that a feed takes over, for it has its own order and pages.
_MATCHING = frozenset(field.data_key or name for name, field in Matching().fields.items())


def answer_page(
    generation: OpenGeneration, arguments: Json, offset: int, total: int, base: str, after: str = ""
) -> Json:
    """``total, page, per_page, pages, links, next_cursor`` of a list that shows its results from ``offset`` on.

    ``after`` is what its page says of where the next begins.
    """
    per_page, with_cursor = arguments["per_page"], "cursor" in arguments
    page, pages = offset // per_page + 1, math.ceil(total / per_page)
    more = offset + per_page < total
    cursor = make_cursor(generation, arguments, offset + per_page, after) if more else None
    path, query = base + request.path, _query_without("page", "cursor")
    beyond = with_cursor or (page + 1) * per_page > MAX_WINDOW
    # From a page beyond the end, the page before is the last one.
    before = None if with_cursor else min(page - 1, pages) or None
    links = {
        "self": _link(path, query, cursor=arguments["cursor"]) if with_cursor else _link(path, query, page),
        "first": _link(path, query, 1),
        "next": None if not more else _link(path, query, cursor=cursor) if beyond else _link(path, query, page + 1),
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
    """RFC 8288: ``next``, ``prev`` and the feed as ``alternate``, as far as there is room in a header."""
    parts = [f'<{links[rel]}>; rel="{rel}"' for rel in ("next", "prev") if links[rel]]
    if "feed" in links:
        parts.append(f'<{links["feed"]}>; rel="alternate"; type="application/atom+xml"')
    while len(header := ", ".join(parts)) > _MAX_HEADER:
        # The request's own URL is long, and so is each of them.
        parts.pop()
    return header


def _query_without(*names: str) -> str:
    """This request's query string without some parameters."""
    return urlencode([(name, value) for name, value in request.args.items() if name not in names])


def _link(path: str, query: str, page: int = 1, cursor: str | None = None) -> str:
    """This request's URL with another page, or with a cursor."""
    place = f"cursor={cursor}" if cursor else f"page={page}" if page > 1 else ""
    whole = "&".join(filter(None, (query, place)))
    return path + (f"?{whole}" if whole else "")
