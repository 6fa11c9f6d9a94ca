"""Find duplicate keys in the objects of a JSON text. A decoder would silently keep only the last of them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

# The list indexes and keys that lead to an object, then a key of it.
Path = tuple[str | int, ...]

# Matches at the end of every key. May also match in string values: after an escaped quote, or if one begins with ":".
_KEY_END = re.compile(rb'"\s*:')
_decoder = msgspec.json.Decoder()


class _Pairs(list[tuple[str, Any]]):
    """An object as the list of all its (key, value) pairs."""


def find_duplicate_keys(text: bytes, limit: int) -> list[Path]:
    """The paths of the first ``limit`` keys that occur more than once in their object; "a" and "\\u0061" are equal.

    ``text`` is UTF-8 that msgspec can decode. The quick check takes 4 µs a story: without duplicates, the text has as
    many ends of keys as its decoded objects have keys. Only if these numbers differ (a string with an escaped quote
    before a colon is enough), a slower decoder reads the text and keeps all pairs. Raises RecursionError if the text
    is nested too deeply for that decoder.
    """
    if len(_KEY_END.findall(text)) == _count_keys(_decoder.decode(text)):
        return []
    return list(islice(_iter_duplicates(text.decode()), limit))


def _count_keys(value: Any) -> int:
    count, values = 0, [value]
    for item in values:  # the list grows during the loop
        if type(item) is dict:
            count += len(item)
            values += item.values()
        elif type(item) is list:
            values += item
    return count


def _iter_duplicates(text: str) -> Iterator[Path]:
    # The values of numbers do not matter here, and parsing long ones is slow.
    root = json.loads(text, object_pairs_hook=_Pairs, parse_int=len, parse_float=len)
    waiting: list[tuple[Path, Any]] = [((), root)]
    while waiting:
        path, value = waiting.pop()
        pairs = value if isinstance(value, _Pairs) else enumerate(value) if isinstance(value, list) else ()
        if isinstance(value, _Pairs):
            counts = Counter(key for key, _ in value)
            yield from ((*path, key) for key, times in counts.items() if times > 1)
        waiting += reversed([((*path, key), inner) for key, inner in pairs if isinstance(inner, list)])
