"""Cursors: how far a client has read, in a form that only this generation makes and reads.

A cursor says which generation, which search, and how many results were read. It is signed with the id of the build,
which no answer shows. A changed cursor, or one of another search, is refused.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
from flask import request

from api.errors import InvalidParameters, ParameterFault
from index.errors import StaleCursor
from index.live import OpenGeneration

# Parameters that may differ between the pages of one search.
_FREE = frozenset(("page", "per_page", "cursor"))
_SIGNATURE = 12


class _SignedPosition(msgspec.Struct, array_like=True):
    generation: str
    search: str
    offset: int
    search_after: str = ""


class Position(NamedTuple):
    """Where a page of results begins. ``search_after``: the engine's token for it, "" if unknown."""

    offset: int
    search_after: str = ""


def make_cursor(generation: OpenGeneration, arguments: dict[str, Any], position: Position) -> str:
    """A cursor to the results of the same search from ``position`` on."""
    signed = _SignedPosition(generation.name, _identify_search(arguments), *position)
    encoded = msgspec.json.encode(signed)
    return base64.urlsafe_b64encode(_sign(generation, encoded) + encoded).decode().rstrip("=")


def read_position(generation: OpenGeneration, arguments: dict[str, Any]) -> Position:
    """Where the requested page begins, by ``cursor`` or by ``page``.

    Raises StaleCursor for a cursor of another generation, InvalidParameters for text that is not a cursor.
    """
    cursor = arguments.get("cursor")
    if cursor is None:
        return Position((arguments["page"] - 1) * arguments["per_page"])
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        signature, encoded = raw[:_SIGNATURE], raw[_SIGNATURE:]
        signed = msgspec.json.decode(encoded, type=_SignedPosition)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise _invalid_cursor(cursor) from None
    if signed.generation != generation.name:
        raise StaleCursor
    if not hmac.compare_digest(signature, _sign(generation, encoded)) or signed.search != _identify_search(arguments):
        raise _invalid_cursor(cursor)
    return Position(signed.offset, signed.search_after)


def _sign(generation: OpenGeneration, encoded: bytes) -> bytes:
    return blake2b(encoded, digest_size=_SIGNATURE, key=generation.manifest.build.encode()[:64]).digest()


def _identify_search(arguments: dict[str, Any]) -> str:
    search = repr((request.path, sorted(item for item in arguments.items() if item[0] not in _FREE)))
    return blake2b(search.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def _invalid_cursor(cursor: str) -> InvalidParameters:
    allowed = "next_cursor of an answer to the same search"
    return InvalidParameters([ParameterFault("cursor", "invalid_value", cursor[:100], allowed)])
