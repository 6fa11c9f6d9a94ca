"""A query string is what werkzeug makes of it, as far as it is read at all."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request as WerkzeugRequest

from api.request.query_string import MAX_FIELDS, Request, parse_query_string


def make_environ(text: bytes) -> dict[str, Any]:
    return {**EnvironBuilder().get_environ(), "QUERY_STRING": text.decode("latin-1")}


_PIECES = [b"a", b"q", b"=", b"&", b"+", b"%", b"%4", b"%41", b"%c3%a9", b"%C3", b"%ff", b"%00", b"%25", b"%zz", b"%26"]
_PIECES += [b"\\", b"\\x41", b"\\u0041", b"%5c", b"%5Cx41", b";", b" ", b"#", b"?", "é".encode(), "🤖".encode()]
_PIECES += [b"%f0%9f%a4%96", b"%ed%a0%80", b"%ED%B0%80", b"%f4%90%80%80", b"%c0%af", b"\n", b"\\\n", b"%0a", b"\x00"]


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=20).map(b"".join))
@example(b"")
@example(b"&&=&=&a=b=c&&")
@example(b"q=%%41%&%4=%")
def test_what_is_read_is_what_werkzeug_reads(text: bytes) -> None:
    read, by_werkzeug = (list(kind(make_environ(text)).args.items(multi=True)) for kind in (Request, WerkzeugRequest))
    assert read == by_werkzeug


def test_bytes_that_are_no_utf8_are_escaped() -> None:
    # werkzeug raises UnicodeDecodeError, which is an answer of 500.
    assert parse_query_string(b"q=a\xff\xfe%ff&\xc3=1") == [("q", "a%FF%FE%FF"), ("%C3", "1")]


@pytest.mark.parametrize("count", [1, MAX_FIELDS - 1, MAX_FIELDS])
def test_all_fields_are_read_up_to_the_limit(count: int) -> None:
    text = "&".join(f"a{n}={n}" for n in range(count))
    assert parse_query_string(text.encode()) == parse_qsl(text)


@pytest.mark.parametrize("text", [b"a&" * 30_000, b"a=b&" * 15_000, b"&&&a&" * 12_000, b"=&" * 30_000])
def test_no_more_fields_are_read_than_the_limit(text: bytes) -> None:
    assert parse_query_string(text) == parse_query_string(text[: 5 * MAX_FIELDS + 5])[:MAX_FIELDS]
    assert len(parse_query_string(text)) == MAX_FIELDS


def test_empty_fields_do_not_count() -> None:
    assert parse_query_string(b"&" * 60_000 + b"q=a") == [("q", "a")]
