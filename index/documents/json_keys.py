"""Keys that occur more than once in one object of a JSON text. A decoder keeps the last one and drops the others."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

# A key, and the indexes and keys that lead to its object.
Path = tuple[str | int, ...]

# Every key ends like this. A string value may hold it too, after a backslash, or begin with a colon.
_KEY_END = re.compile(rb'"\s*:')
_decoder = msgspec.json.Decoder()


class _Pairs(list[tuple[str, Any]]):
    """An object as a list of its pairs, all of them."""


def find_duplicate_keys(text: bytes, limit: int) -> list[Path]:
    """The first ``limit`` keys that occur more than once in their object, each once. "a" and "\\u0061" are equal.

    ``text`` is UTF-8 that msgspec can decode. A text without duplicates costs 4 µs a story: it has as many ends of
    keys as there are keys in its objects. Only where these numbers differ, as at a string with an escaped quote before
    a colon, is the text read by a slower decoder that knows all pairs. Raises RecursionError for a text that is nested
    too deeply for it.
    """
    if len(_KEY_END.findall(text)) == _count_keys(_decoder.decode(text)):
        return []
    return list(islice(_iter_duplicates(text.decode()), limit))


def _count_keys(value: Any) -> int:
    count, values = 0, [value]
    for one in values:  # grows on the way
        if type(one) is dict:
            count += len(one)
            values += one.values()
        elif type(one) is list:
            values += one
    return count


def _iter_duplicates(text: str) -> Iterator[Path]:
    # Numbers say nothing here, and long ones take long.
    root = json.loads(text, object_pairs_hook=_Pairs, parse_int=len, parse_float=len)
    waiting: list[tuple[Path, Any]] = [((), root)]
    while waiting:
        path, value = waiting.pop()
        pairs = value if isinstance(value, _Pairs) else enumerate(value) if isinstance(value, list) else ()
        if isinstance(value, _Pairs):
            counts = Counter(key for key, _ in value)
            yield from ((*path, key) for key, times in counts.items() if times > 1)
        waiting += reversed([((*path, key), inner) for key, inner in pairs if isinstance(inner, list)])
