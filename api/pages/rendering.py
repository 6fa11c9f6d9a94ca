"""Renders templates and sets the headers that every page has."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import msgspec
from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup
from marshmallow import Schema
from werkzeug import Response as WerkzeugResponse

from api.endpoint import borrow_index
from api.pages.addresses import find_cleaner, parser
from api.pages.assets import ASSET_NAMES, EDITION, TEMPLATES
from api.request.arguments import NoArguments
from api.request.parameters import Arguments
from api.request.site import base_url
from api.response.conditional import Form, answer_conditionally
from api.response.jsonld import SITE_NAME
from index.documents.identity import slug_of

HTML = "text/html; charset=utf-8"
# No inline scripts or styles, and nothing from other servers except images, which publishers host themselves.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' https:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_NO_PARAMETERS, _NO_ARGUMENTS = NoArguments(), Arguments({})
_SHOWN_PUBLISHERS = 3
View = TypeVar("View", bound=Callable[..., dict[str, Any]])


def page(
    template: str, schema: Schema = _NO_PARAMETERS, move: Callable[..., WerkzeugResponse | None] | None = None
) -> Callable[[View], Callable[..., WerkzeugResponse]]:
    """Make ``view(generation, arguments, **path values)`` a page: it returns the variables of ``template``.

    ``schema``: the parameters; a page without any ignores what other sites add to its address. ``move(generation,
    **path values)``: a redirect to the right address, or None. Answers with an ETag, from the cache, or 304.
    """

    def decorate(view: View) -> Callable[..., WerkzeugResponse]:
        @wraps(view)
        def respond(**values: str) -> WerkzeugResponse:
            if schema.fields and (cleaner := find_cleaner()):
                return cleaner
            arguments = parser.read(schema) if schema.fields else _NO_ARGUMENTS
            with borrow_index() as generation:
                if move and (moved := move(generation, **values)):
                    return moved
                form = Form(HTML, base_url(), edition=EDITION)
                response = answer_conditionally(
                    generation, arguments, form, lambda: (render(template, **view(generation, arguments, **values)), "")
                )
            response.headers["Content-Security-Policy"] = POLICY
            return response

        return respond

    return decorate


def render(template: str, **context: Any) -> bytes:
    """Render a template as UTF-8. ``root`` is the path that links begin with, ``origin`` the base of canonical URLs."""
    origin = base_url()
    root = urlsplit(origin).path
    return _environment.get_template(template).render(root=root, origin=origin, **context).encode()


def format_number(number: int) -> str:
    return f"{number:,}"


def format_count(number: int, singular: str, plural: str = "") -> str:
    """A number with its noun: ``1 story``, ``2 stories``. The plural defaults to the singular with an ``s``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def format_date(time: datetime | str) -> str:
    """The date in UTC: ``6 Jan 2025``."""
    moment = _parse_time(time)
    return f"{moment.day} {moment:%b} {moment.year}"


def format_time(time: datetime | str) -> str:
    """Date and time in UTC: ``Mon, 6 Jan 2025, 11:40 UTC``."""
    moment = _parse_time(time)
    return f"{moment:%a}, {format_date(moment)}, {moment:%H:%M} UTC"


def _parse_time(time: datetime | str) -> datetime:
    """Parse a time of an API answer: RFC 3339 in UTC."""
    return datetime.fromisoformat(time) if isinstance(time, str) else time


def _format_publishers(publishers: list[dict[str, Any]]) -> str:
    """The first three names and the number of others: ``A, B, C and 2 more``."""
    names = ", ".join(publisher["name"] for publisher in publishers[:_SHOWN_PUBLISHERS])
    more = len(publishers) - _SHOWN_PUBLISHERS
    return f"{names} and {more} more" if more > 0 else names


def _format_json(value: Any) -> Markup:
    """JSON for a script element, with "<" and ">" escaped so it cannot end the element, and "&" for XML parsers."""
    text = msgspec.json.encode(value).decode()
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def _make_environment() -> Environment:
    environment = Environment(
        loader=DictLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, auto_reload=False,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(
        number=format_number, counted=format_count, day=format_date, time=format_time, publishers=_format_publishers,
        data=_format_json, url_part=lambda text: quote(text, safe=""), slug=slug_of,
        # Highlights are safe HTML: the API has escaped the text and added only <mark>.
        trusted_html=Markup,
    )  # fmt: skip
    environment.globals.update(site=SITE_NAME, assets=ASSET_NAMES)
    return environment


_environment = _make_environment()
