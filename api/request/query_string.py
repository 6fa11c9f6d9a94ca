"""The query string of a request, read in bounded time: werkzeug takes 100 ms for the worst that fits into a URL."""

from __future__ import annotations

import re

import flask
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.utils import cached_property

# So many fields are read, of which no endpoint has a fifth: where there are more, some of those that are read are
# unknown or repeated, which is told.
MAX_FIELDS = 150
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
_NO_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
# What is no UTF-8 stays escaped.
_ESCAPED = {0xDC00 + byte: f"%{byte:02X}" for byte in range(0x80, 0x100)}


class Request(flask.Request):
    """Its ``args`` are those of werkzeug, up to MAX_FIELDS."""

    @cached_property
    def args(self) -> ImmutableMultiDict[str, str]:
        return ImmutableMultiDict(parse_query_string(self.query_string))


def parse_query_string(text: bytes) -> list[tuple[str, str]]:
    """The first MAX_FIELDS names and values. A field without "=" has an empty value; empty fields are none."""
    pairs = (field.partition(b"=")[::2] for field in _split(text) if field)
    return [(_decode(name), _decode(value)) for name, value in pairs]


def _split(text: bytes) -> list[bytes]:
    if text.count(b"&") < MAX_FIELDS:
        return text.split(b"&")
    return [field for field in text.split(b"&") if field][:MAX_FIELDS]


def _decode(text: bytes) -> str:
    """What parse_qsl and werkzeug's handler of errors make of it, without a step in Python for each escape."""
    text = text.replace(b"+", b" ")
    if _ESCAPE.search(text):
        text = _NO_ESCAPE.sub(b"%25", text).replace(b"\\", b"\\\\").replace(b"%", b"\\x")
        text = text.decode("unicode_escape").encode("latin-1")
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode(errors="surrogateescape").translate(_ESCAPED)
