"""Strings in a file are what a sorted list is."""

from __future__ import annotations

import tempfile
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from index.engines.columns.format.array_file import ArrayFile, ArrayFileWriter
from index.engines.columns.format.sorted_strings import SortedStrings, save_strings

_CHECKED = settings(max_examples=150, deadline=None)
_HIGHEST = "\U0010ffff"
# Letters of one to four bytes, few so that strings begin alike, the lowest and the highest that there are.
_letters = st.sampled_from(("\x00", "a", "b", "\x7f", "\x80", "é", "\u07ff", "日", "\uffff", "\U00010000", _HIGHEST))
_texts = st.one_of(st.text(_letters, max_size=4), st.text(max_size=3)).map(str.encode)
_words = st.sets(_texts, max_size=40).map(sorted)
# Ids and terms are text; nothing but prefixes asks for it.
_any_bytes = st.sets(st.one_of(st.binary(max_size=4), _texts), max_size=40).map(sorted)


@contextmanager
def _written(strings: Sequence[bytes]) -> Iterator[SortedStrings]:
    with tempfile.TemporaryDirectory() as name:
        writer = ArrayFileWriter(Path(name) / "columns.bin")
        save_strings(writer.save, "words", strings)
        writer.close()
        yield SortedStrings(ArrayFile(Path(name) / "columns.bin", writer.entries).read, "words")


@_CHECKED
@given(_any_bytes)
@example([])
@example([b""])
@example([b"", b"\x00", b"\xff", b"\xff\xff"])
def test_strings_come_back_in_their_order(strings: list[bytes]) -> None:
    with _written(strings) as found:
        assert len(found) == len(strings)
        assert [found[number] for number in range(len(strings))] == strings


@_CHECKED
@given(st.lists(_texts, max_size=20))
def test_strings_that_are_not_looked_up_need_no_order(strings: list[bytes]) -> None:
    with _written(strings) as found:
        assert [found[number] for number in range(len(strings))] == strings


@_CHECKED
@given(_any_bytes, st.lists(st.one_of(st.binary(max_size=4), _texts), max_size=10))
@example([], [b"", b"a"])
@example([b""], [b"", b"\x00"])
def test_find_tells_the_number_of_a_string_and_none_of_others(strings: list[bytes], others: list[bytes]) -> None:
    with _written(strings) as found:
        assert [found.find(string) for string in strings] == list(range(len(strings)))
        assert [found.find(other) for other in others] == [
            strings.index(other) if other in strings else None for other in others
        ]


@_CHECKED
@given(_any_bytes, st.lists(st.one_of(st.binary(max_size=4), _texts), max_size=10))
def test_find_lower_bound_tells_how_many_strings_are_below(strings: list[bytes], others: list[bytes]) -> None:
    with _written(strings) as found:
        for wanted in (*strings, *others):
            assert found.find_lower_bound(wanted) == bisect_left(strings, wanted)


@_CHECKED
@given(_words, st.lists(_texts, max_size=10))
@example([_HIGHEST.encode(), (_HIGHEST * 2).encode(), (_HIGHEST * 3).encode()], [(_HIGHEST * 2).encode()])
@example(["\uffff".encode(), "\U00010000".encode()], ["\uffff".encode()])
@example([], [b"", b"a"])
def test_find_prefix_tells_all_that_begin_with_it(strings: list[bytes], prefixes: list[bytes]) -> None:
    with _written(strings) as found:
        for prefix in (b"", *strings, *(string[:-1] for string in strings), *prefixes):
            expected = [number for number, string in enumerate(strings) if string.startswith(prefix)]
            assert list(found.find_prefix(prefix)) == expected


@pytest.mark.parametrize("prefix", [_HIGHEST, "a" + _HIGHEST, "\U0010fffe", "\uffff", "\x7f", ""])
def test_prefixes_at_the_top_of_utf8_find_what_follows_them(prefix: str) -> None:
    ends = ("", "\x00", "a", "\x7f", "\x80", "\uffff", _HIGHEST, _HIGHEST * 3)
    strings = sorted({(start + end).encode() for start in ("", "a", "b", prefix) for end in ends})
    with _written(strings) as found:
        numbers = found.find_prefix(prefix.encode())
        assert {strings[number] for number in numbers} == {s for s in strings if s.startswith(prefix.encode())}


def test_the_order_is_that_of_code_points() -> None:
    texts = sorted(["", "a", "z", "é", "日", "\uffff", "\U00010000", _HIGHEST])
    with _written([text.encode() for text in texts]) as found:
        assert [found.find(text.encode()) for text in texts] == list(range(len(texts)))
