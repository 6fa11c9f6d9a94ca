"""The pages around an answer, as links in its body and its Link header."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import urlencode

from flask import request

from api.arguments import MAX_WINDOW

Json = dict[str, Any]
# What proxies keep for all headers of an answer together, by default.
_MAX_HEADER = 4096


def answer_page(arguments: Json, total: int, base: str) -> Json:
    """``total, page, per_page, pages, links`` of a list."""
    page, per_page = arguments["page"], arguments["per_page"]
    pages = math.ceil(total / per_page)
    following = page + 1 if page < pages and (page + 1) * per_page <= MAX_WINDOW else None
    # From a page beyond the end, the page before is the last one.
    before = min(page - 1, pages) or None
    given = [(name, value) for name, value in request.args.items() if name != "page"]
    path, query = base + request.path, urlencode(given)
    links = {
        "self": _link(path, query, page),
        "first": _link(path, query, 1),
        "next": _link(path, query, following),
        "prev": _link(path, query, before),
    }
    return {"total": total, "page": page, "per_page": per_page, "pages": pages, "links": links}


def make_link_header(links: Json) -> str:
    """RFC 8288; ``next`` and ``prev`` only, and nothing where the request's own URL is too long for a header."""
    header = ", ".join(f'<{links[rel]}>; rel="{rel}"' for rel in ("next", "prev") if links[rel])
    return header if len(header) <= _MAX_HEADER else ""


def _link(path: str, query: str, page: int | None) -> str | None:
    """This request's URL with another page; ``query`` is its query string without one."""
    if page is None:
        return None
    if page > 1:
        query += f"{'&' if query else ''}page={page}"
    return path + (f"?{query}" if query else "")
