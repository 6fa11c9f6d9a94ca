"""Answers are kept up to a number of bytes."""

from __future__ import annotations

from api.cache import AnswerCache


def test_an_answer_is_found_again_by_its_tag() -> None:
    cache = AnswerCache()
    cache.add("a", (b"body", "link"))
    assert cache.find("a") == (b"body", "link")
    assert cache.find("b") is None


def test_what_was_not_asked_for_longest_goes_first_when_the_bytes_are_used_up() -> None:
    cache = AnswerCache(max_bytes=100)
    for tag in "abcdefghij":
        cache.add(tag, (b"x" * 10, ""))
    assert cache.find("a")
    cache.add("k", (b"x" * 10, ""))
    assert cache.find("b") is None
    assert cache.find("a")
    assert cache.find("k")


def test_an_answer_that_would_push_out_all_others_is_not_kept() -> None:
    cache = AnswerCache(max_bytes=100)
    cache.add("large", (b"x" * 11, ""))
    assert cache.find("large") is None


def test_the_same_answer_twice_counts_once() -> None:
    cache = AnswerCache(max_bytes=20)
    for _ in range(10):
        cache.add("a", (b"xx", ""))
    cache.add("b", (b"xx", ""))
    assert cache.find("a")
    assert cache.find("b")
