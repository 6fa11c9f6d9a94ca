"""The addresses of pages: what is read from one, and how others are made."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from flask import redirect, request
from werkzeug import Response

from api.request.parameters import QueryParser
from api.request.query_string import MAX_FIELDS
from api.request.site import base_url
from index.documents.identity import is_tracking

parser = QueryParser()
# Proxies pass on no longer header; nobody's form or network makes one.
_MAX_HEADER = 4096


def find_cleaner() -> Response | None:
    """A redirect to the same page without what only forms and other sites put into an address, if there is any.

    Forms send the fields that were left empty, and networks add where a reader came from: neither is a mistake.
    """
    sent = list(request.args.items(multi=True))
    if len(sent) >= MAX_FIELDS:
        # There may be more that are not read; what is wrong with these is told.
        return None
    kept = [(name, value) for name, value in sent if value.strip() and not is_tracking(name)]
    address = base_url() + make_url(quote(request.path), kept)
    return redirect(address) if kept != sent and len(address) <= _MAX_HEADER else None


def make_url(path: str, parameters: Mapping[str, object] | list[tuple[str, str]]) -> str:
    """``path`` with those parameters that are not None."""
    pairs = parameters if isinstance(parameters, list) else [*parameters.items()]
    query = urlencode([(name, value) for name, value in pairs if value is not None])
    return f"{path}?{query}" if query else path
