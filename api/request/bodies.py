"""Decodes JSON request bodies: limits the depth and refuses duplicate keys."""

from __future__ import annotations

from typing import Any

import msgspec
from werkzeug.exceptions import BadRequest

from api.errors import InvalidParameters, ParameterFault
from index.documents.json_keys import Path, find_duplicate_keys

# Valid bodies nest at most 6 levels: body, list of searches, search, parameters, list of filters, list.
MAX_DEPTH = 20
_MAX_DUPLICATES = 10
_MAX_NAME = 100


def decode_body(text: bytes) -> Any:
    """Raises BadRequest if ``text`` is not JSON or too deep, InvalidParameters if a key occurs twice in an object."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadRequest("the body is not valid JSON") from error
    if is_deep(value):
        raise BadRequest(f"the body is nested more than {MAX_DEPTH} levels deep")
    duplicates = find_duplicate_keys(text, _MAX_DUPLICATES)
    if duplicates:
        raise InvalidParameters(
            [ParameterFault(_format_path(path), "repeated_parameter", None, "once") for path in duplicates]
        )
    return value


def is_deep(value: Any) -> bool:
    """Whether lists and objects are nested more than MAX_DEPTH levels deep."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True


def _format_path(path: Path) -> str:
    """The path in the notation of faults: requests[0].query."""
    name = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
    return name[:_MAX_NAME]
