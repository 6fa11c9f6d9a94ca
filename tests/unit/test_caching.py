"""Caches take no more bytes than their budget has, whatever is put into them."""

from __future__ import annotations

import gc
import sys
import threading
import tracemalloc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from index import caching
from index.caching import ENTRY, MAX_KEY, Budget, Cache, FunctionCache, count_characters, measure


@pytest.fixture
def switching_often() -> Iterator[None]:
    """Threads take turns every 10 µs."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


class _Words(Struct, frozen=True):
    words: tuple[str, ...]


def test_a_function_is_called_once_for_each_argument() -> None:
    called: list[str] = []

    @Budget(100_000).cached
    def upper(text: str) -> str:
        called.append(text)
        return text.upper()

    assert [upper(text) for text in ("a", "b", "a", "a")] == ["A", "B", "A", "A"]
    assert called == ["a", "b"]


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        ("x" * MAX_KEY, True),
        ("x" * (MAX_KEY + 1), False),
        (b"x" * (MAX_KEY + 1), False),
        (("x" * 100, "y" * 100), True),
        (("x" * 100, "y" * 101), False),
        ((("x" * 100, "y" * 101), True), False),
        (_Words(("x" * 201,)), False),
        (_Words(("x",)), True),
        (10**300, True),
    ],
)
def test_nothing_is_kept_under_a_long_key(key: object, kept: bool) -> None:
    cache = FunctionCache(lambda key: 1, Budget(1_000_000))
    assert cache[key] == cache[key] == 1
    assert (key in cache) is kept


def test_what_takes_much_of_a_budget_is_not_kept() -> None:
    budget = Budget(10_000)
    cache: Cache[str, object] = Cache(budget)
    cache.add("text", "x" * 1000)
    cache.add("array", np.zeros(1000, np.uint8))
    cache.add("tuple", ("x" * 600, "y" * 600))
    cache.add("mapping", {"x": ["y" * 1000]})
    assert not cache
    assert not budget.used
    cache.add("small", "x" * 500)
    assert list(cache) == ["small"]


def test_an_error_is_not_kept() -> None:
    cache = FunctionCache(lambda text: 1 // len(text), Budget(10_000))
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            cache[""]
    assert not cache


def test_caches_of_one_budget_are_emptied_together() -> None:
    budget = Budget(10_000)
    one: Cache[int, str] = Cache(budget)
    other: Cache[int, str] = Cache(budget)
    one.add(1, "x" * 500)
    for number in range(1000):
        other.add(number, "y" * 500)
        assert budget.used <= 10_000
    assert not one
    assert other


def test_a_key_that_is_there_keeps_its_value_and_counts_once() -> None:
    budget = Budget(10_000)
    cache: Cache[str, int] = Cache(budget)
    cache.add("a", 1)
    used = budget.used
    cache.add("a", 2)
    assert (cache["a"], budget.used) == (1, used)


_keys = st.text(max_size=300) | st.tuples(st.text(max_size=150), st.text(max_size=150)) | st.integers()
_values = st.recursive(
    st.text(max_size=400) | st.binary(max_size=400) | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), _keys, _values), max_size=60))
def test_no_more_is_kept_than_the_budget_has(entries: list[tuple[int, object, object]]) -> None:
    budget = Budget(20_000)
    caches: list[Cache[object, object]] = [Cache(budget) for _ in range(3)]
    for number, key, value in entries:
        caches[number].add(key, value)
        kept = [pair for cache in caches for pair in cache.items()]
        assert sum(measure(one) + measure(other) + ENTRY for one, other in kept) == budget.used <= 20_000
        assert all(count_characters(one) <= MAX_KEY for one, _ in kept)


@pytest.mark.parametrize("size", [700, 1_400, 5_500])
def test_memory_is_counted_in_full(size: int) -> None:
    budget = Budget(1 << 30)
    keys = [(f"word {number}", number) for number in range(size)]
    gc.collect()
    tracemalloc.start()
    try:
        texts = FunctionCache(lambda text: f"{text} and more", budget)
        for text, _ in keys:
            texts[text]
        pairs = FunctionCache(lambda number: (number * 0.5, (f"{number}",), np.zeros(number % 100)), budget)
        for _, number in keys:
            pairs[number + 1_000_000]
        traces = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    # Other threads of the process allocate meanwhile.
    own = traces.filter_traces([tracemalloc.Filter(True, name) for name in (__file__, caching.__file__)])
    taken = sum(trace.size for trace in own.traces)
    assert budget.used >= taken
    assert budget.used <= 2 * taken


def test_threads_may_share_a_cache(switching_often: None) -> None:
    budget = Budget(30_000)
    caches = [FunctionCache(lambda number: str(number) * 10, budget) for _ in range(3)]
    wrong: list[int] = []

    def ask(seed: int) -> None:
        for step in range(3_000):
            number = (seed * 7919 + step * 31) % 997
            if caches[step % 3][number] != str(number) * 10:
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    kept = [pair for cache in caches for pair in cache.items()]
    assert sum(measure(one) + measure(other) + ENTRY for one, other in kept) == budget.used <= 30_000


def test_caches_may_be_made_while_others_are_emptied(switching_often: None) -> None:
    budget = Budget(5_000)
    made: list[Cache[int, str]] = []
    failed: list[Exception] = []

    def make() -> None:
        made.extend(Cache(budget) for _ in range(2_000))

    def fill() -> None:
        cache: Cache[int, str] = Cache(budget)
        try:
            for number in range(5_000):
                cache.add(number, "x" * 100)
        except RuntimeError as error:
            failed.append(error)

    threads = [threading.Thread(target=one) for one in (make, fill, fill)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_a_budget_holds_no_cache_that_nobody_uses_any_more() -> None:
    budget = Budget(10_000)
    cache = FunctionCache(str, budget)
    cache[1]
    gone = weakref.ref(cache)
    del cache
    gc.collect()
    assert gone() is None
    assert budget.caches == []
