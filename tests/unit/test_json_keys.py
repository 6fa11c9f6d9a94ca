"""Duplicate keys in a JSON text: the quick test of numbers against a decoder that is given every pair."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.documents.json_keys import Path, find_duplicate_keys


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ('{"a": 1, "b": {"a": 2}, "c": [{"a": 3}, {"a": 4}]}', []),
        ('{"a": 1, "a": 1}', [("a",)]),
        ('{"a": 1, "b": 2, "a": 3, "a": 4, "b": 5}', [("a",), ("b",)]),
        ('{"title": 1, "\\u0074itle": 2}', [("title",)]),
        ('{"\\/": 1, "/": 2}', [("/",)]),
        ('{"": 1, "": 2}', [("",)]),
        ('{"a" \t : 1, "a":2}', [("a",)]),
        ('{"a":1, "a" :2}', [("a",)]),
        ('{"a":{},"b":[[{"c":{"d":0,"e":1,"d":2}}]]}', [("b", 0, 0, "c", "d")]),
        ('{"a":{"b":1,"b":2},"a":{}}', [("a",), ("a", "b")]),
        # Strings that look like keys, so that the numbers differ, or would make up for a key that is lost.
        ('{"a": "\\":", "b": ":", "c": "  :x", "d": "\\\\\\":"}', []),
        ('{"a": "\\u0022:", "b": 1, "b": 2}', [("b",)]),
        ('{"a": "\\":", "a": "\\":"}', [("a",)]),
        ('"a"', []),
        ("[]", []),
        ("7", []),
    ],
)
def test_keys_that_occur_twice_are_found_with_the_way_to_them(text: str, paths: list[Path]) -> None:
    assert find_duplicate_keys(text.encode(), 100) == paths


def test_no_more_than_the_limit_are_found() -> None:
    text = "{" + ",".join(f'"{n}":1,"{n}":2' for n in range(1000)) + "}"
    assert find_duplicate_keys(text.encode(), 3) == [("0",), ("1",), ("2",)]


def test_numbers_of_any_length_do_not_matter() -> None:
    text = b'{"a": 0.' + b"9" * 10_000 + b', "a": -1e-5, "a": 12345678901234567890}'
    assert find_duplicate_keys(text, 1) == [("a",)]


# --- any text of JSON --------------------------------------------------------------------------------------

_pieces = st.sampled_from(['"', ":", '":', '" :', "\\", " ", "\t", "a", "b", ",", "{", "}", "é", "\u2028", "😀"])
_strings = st.lists(_pieces, max_size=4).map("".join)
_keys = st.one_of(st.sampled_from(["a", "b", "", '"', ":", '":']), _strings)
_blanks = st.sampled_from(["", "", "", " ", "  ", "\t", "\r\n"])
Value = Any


def _objects(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    """An object is a tuple of pairs here, so that a key may occur twice."""
    return st.lists(st.tuples(_keys, inner), max_size=4).map(tuple)


_values: st.SearchStrategy[Value] = st.recursive(
    st.one_of(_strings, st.integers(-5, 5), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()),
    lambda inner: st.one_of(_objects(inner), st.lists(inner, max_size=3)),
    max_leaves=12,
)


def _write(value: Value, data: st.DataObject) -> str:
    """``value`` as JSON, with blanks and escapes anywhere that they may be."""

    def blank() -> str:
        return data.draw(_blanks)

    if isinstance(value, tuple):
        pairs = (blank() + _write_string(key, data) + blank() + ":" + _write(inner, data) for key, inner in value)
        text = "{" + ",".join(pairs) + blank() + "}"
    elif isinstance(value, list):
        text = "[" + ",".join(_write(inner, data) for inner in value) + "]"
    elif isinstance(value, str):
        text = _write_string(value, data)
    else:
        text = json.dumps(value)
    return blank() + text + blank()


def _write_string(text: str, data: st.DataObject) -> str:
    if data.draw(st.integers(0, 3)) == 0:
        units = text.encode("utf-16-be").hex()
        return '"' + "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)) + '"'
    return json.dumps(text, ensure_ascii=data.draw(st.booleans()))


def _find(value: Value, path: Path = ()) -> list[Path]:
    """Every key that occurs twice, by looking at each pair."""
    if isinstance(value, tuple):
        keys = [key for key, _ in value]
        found = [(*path, key) for key in dict.fromkeys(keys) if keys.count(key) > 1]
        inner: Any = value
    else:
        found, inner = [], enumerate(value) if isinstance(value, list) else ()
    return found + [one for step, part in inner for one in _find(part, (*path, step))]


@settings(max_examples=400, deadline=None)
@given(_values, st.data())
def test_what_is_found_is_what_a_look_at_every_pair_finds(value: Value, data: st.DataObject) -> None:
    text = _write(value, data)
    assert find_duplicate_keys(text.encode(), 1000) == _find(value)
