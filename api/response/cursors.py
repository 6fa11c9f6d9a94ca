"""Cursors: how far a client has read, in a form that only this generation makes and reads.

A cursor says which generation, which search, and how many results were read. It is signed with the name of the build,
which no answer shows: one that was changed, or made for another search, is no cursor.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from hashlib import blake2b
from typing import Any

import msgspec
from flask import request

from api.errors import InvalidParameters, ParameterFault
from index.errors import StaleCursor
from index.live import OpenGeneration

# What may differ between the pages of one search.
_FREE = frozenset(("page", "per_page", "cursor"))
_SIGNATURE = 12


class _Position(msgspec.Struct, array_like=True):
    generation: str
    search: str
    offset: int
    after: str = ""


def make_cursor(generation: OpenGeneration, arguments: dict[str, Any], offset: int, after: str = "") -> str:
    """A cursor to the results from ``offset`` on; ``after`` is that of the page before."""
    position = msgspec.json.encode(_Position(generation.name, _name_search(arguments), offset, after))
    return base64.urlsafe_b64encode(_sign(generation, position) + position).decode().rstrip("=")


def find_offset(generation: OpenGeneration, arguments: dict[str, Any]) -> int:
    """The first result asked for, by ``cursor`` or by ``page``. Raises what ``find_place`` raises."""
    return find_place(generation, arguments)[0]


def find_place(generation: OpenGeneration, arguments: dict[str, Any]) -> tuple[int, str]:
    """The first result asked for, and the ``after`` of the page before, where a cursor has it.

    Raises StaleCursor for a cursor of another generation, InvalidParameters for what is none.
    """
    cursor = arguments.get("cursor")
    if cursor is None:
        return int((arguments["page"] - 1) * arguments["per_page"]), ""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        signature, signed = raw[:_SIGNATURE], raw[_SIGNATURE:]
        position = msgspec.json.decode(signed, type=_Position)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise _no_cursor(cursor) from None
    if position.generation != generation.name:
        raise StaleCursor
    if not hmac.compare_digest(signature, _sign(generation, signed)) or position.search != _name_search(arguments):
        raise _no_cursor(cursor)
    return position.offset, position.after


def _sign(generation: OpenGeneration, position: bytes) -> bytes:
    return blake2b(position, digest_size=_SIGNATURE, key=generation.manifest.build.encode()[:64]).digest()


def _name_search(arguments: dict[str, Any]) -> str:
    asked = repr((request.path, sorted(one for one in arguments.items() if one[0] not in _FREE)))
    return blake2b(asked.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def _no_cursor(cursor: str) -> InvalidParameters:
    allowed = "next_cursor of an answer to the same search"
    return InvalidParameters([ParameterFault("cursor", "invalid_value", cursor[:100], allowed)])
