"""Answers are kept up to a number of bytes."""

from __future__ import annotations

import gc
import sys
import tracemalloc

import cachetools
import pytest

from api.response import cache as cache_module
from api.response.cache import OVERHEAD, AnswerCache

# What an empty answer of a tag of one letter counts.
_LEAST = OVERHEAD + sys.getsizeof("a") + sys.getsizeof(b"") + sys.getsizeof("")


def test_an_answer_is_found_again_by_its_tag() -> None:
    cache = AnswerCache()
    cache.add("a", (b"body", "link"))
    assert cache.find("a") == (b"body", "link")
    assert cache.find("b") is None


def test_what_was_not_asked_for_longest_goes_first_when_the_bytes_are_used_up() -> None:
    cache = AnswerCache(max_bytes=10 * (_LEAST + 10))
    for tag in "abcdefghij":
        cache.add(tag, (b"x" * 10, ""))
    assert cache.find("a")
    cache.add("k", (b"x" * 10, ""))
    assert cache.find("b") is None
    assert cache.find("a")
    assert cache.find("k")


@pytest.mark.parametrize("entry", [(b"x" * 11, ""), (b"", "x" * 11), (b"xxxxx", "xxxxxx")])
def test_an_answer_that_would_push_out_all_others_is_not_kept(entry: tuple[bytes, str]) -> None:
    cache = AnswerCache(max_bytes=10 * (_LEAST + 10))
    cache.add("a", entry)
    assert cache.find("a") is None
    assert not cache.bytes


def test_the_same_answer_twice_counts_once() -> None:
    cache = AnswerCache(max_bytes=20 * _LEAST)
    for _ in range(100):
        cache.add("a", (b"xx", ""))
    assert cache.bytes < 2 * _LEAST
    cache.add("b", (b"xx", ""))
    assert cache.find("a")
    assert cache.find("b")


@pytest.mark.parametrize(("body", "link"), [(0, 0), (40, 0), (40, 700), (2000, 100)])
@pytest.mark.parametrize("size", [700, 1400, 3000])
def test_all_that_an_entry_takes_is_counted(size: int, body: int, link: int) -> None:
    cache = AnswerCache()
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(size):
            # With its coding, as compressed answers are kept.
            cache.add(f"zstd{number:024x}", (bytes([number % 256]) * body, f"{number % 10}" * link))
        traces = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    # Other threads of the process allocate meanwhile.
    files = (__file__, cache_module.__file__, cachetools.__file__)
    traces = traces.filter_traces([tracemalloc.Filter(True, name) for name in files])
    taken = sum(trace.size for trace in traces.traces)
    assert taken <= cache.bytes <= 1.6 * taken + 150 * size


def test_no_more_bytes_are_taken_than_there_are() -> None:
    cache = AnswerCache(max_bytes=50_000)
    for number in range(5_000):
        cache.add(f"{number}", (b"x" * (number % 300), "y" * (number % 7)))
        assert cache.bytes <= 50_000
    assert cache.bytes > 40_000
