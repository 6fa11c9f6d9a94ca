"""JSON that a client sends: of a bounded depth, and with each key once in an object."""

from __future__ import annotations

from typing import Any

import msgspec
from werkzeug.exceptions import BadRequest

from api.errors import InvalidParameters, ParameterFault
from index.documents.json_keys import Path, find_duplicate_keys

# Filters are the deepest that is sent: a list within a list, in parameters, of a search, in a list, in the body.
MAX_DEPTH = 20
_MAX_DUPLICATES = 10
_MAX_NAME = 100


def decode_body(text: bytes) -> Any:
    """Raises BadRequest for what is no JSON or too deep, InvalidParameters for keys that occur more than once."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadRequest("the body is no JSON that can be read") from error
    if is_deep(value):
        raise BadRequest(f"the body is nested more than {MAX_DEPTH} levels deep")
    duplicates = find_duplicate_keys(text, _MAX_DUPLICATES)
    if duplicates:
        raise InvalidParameters(
            [ParameterFault(_name(path), "repeated_parameter", None, "once") for path in duplicates]
        )
    return value


def is_deep(value: Any) -> bool:
    """Whether lists and objects are nested more than MAX_DEPTH levels deep."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def _name(path: Path) -> str:
    """As other faults name a parameter: requests[0].query."""
    name = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
    return name[:_MAX_NAME]
