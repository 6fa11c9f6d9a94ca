"""Reads the query parameters of pages and makes the URLs of links."""

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
# Longest Location header of a redirect, in characters: many proxies reject longer headers.
_MAX_LOCATION = 4096


def find_cleaner() -> Response | None:
    """Redirect to the same page without empty and tracking parameters; None if the URL has neither.

    Forms send fields that were left empty, and social networks add parameters such as utm_source. Neither is an error
    of the reader.
    """
    parameters = list(request.args.items(multi=True))
    if len(parameters) >= MAX_FIELDS:
        # Parameters beyond MAX_FIELDS are not read, so the redirect would lose them. Validation reports the error.
        return None
    cleaned = [(name, value) for name, value in parameters if value.strip() and not is_tracking(name)]
    url = base_url() + make_url(quote(request.path), cleaned)
    return redirect(url) if cleaned != parameters and len(url) <= _MAX_LOCATION else None


def make_url(path: str, parameters: Mapping[str, object] | list[tuple[str, str]]) -> str:
    """``path`` with a query string of the parameters that are not None."""
    pairs = parameters if isinstance(parameters, list) else [*parameters.items()]
    query = urlencode([(name, value) for name, value in pairs if value is not None])
    return f"{path}?{query}" if query else path
