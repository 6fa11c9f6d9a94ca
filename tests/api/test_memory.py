"""Whatever is sent, a process keeps of it what its caches have room for, and nothing long."""

from __future__ import annotations

import functools
import gc
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from api.request.parameters import MAX_URL_LENGTH
from api.response.cache import MAX_BYTES, AnswerCache
from index.caching import ENTRY, MAX_KEY, Budget, Cache, count_characters, measure
from index.engines.opensearch import engine as cluster_engine
from tests.api.conftest import MakeClient
from tests.support.memory import Requests, is_ours, iter_reachable, iter_texts

MARKER = "zqmark"
_DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.fixture(scope="module")
def app(make_client: MakeClient, sample_index: Path) -> Flask:
    """One of its own, whose answers no other test has made."""
    return make_client(sample_index).application


@pytest.fixture
def small(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Budget]]:
    """All budgets of the process, each of 10 kB, and room for 100 kB of answers."""
    found = [one for one in iter_reachable(app) if isinstance(one, Budget)]
    for budget in found:
        for cache in budget.caches:
            cache.clear()
        budget.used = 0
        monkeypatch.setattr(budget, "max_bytes", 10_000)
    monkeypatch.setitem(app.extensions, "outpost.answers", AnswerCache(max_bytes=100_000))
    yield found
    for budget in found:
        for cache in budget.caches:
            cache.clear()
        budget.used = 0


@pytest.mark.parametrize(("filling", "sizes"), [("x", (400, 1990, 60_000)), ("𝔘 ж", (190, 1990))])
def test_nothing_long_that_is_sent_is_kept(
    app: Flask, monkeypatch: pytest.MonkeyPatch, filling: str, sizes: tuple[int, ...]
) -> None:
    # Answers say what was asked: they are bounded otherwise, and looked at below.
    monkeypatch.setitem(app.extensions, "outpost.answers", AnswerCache(max_bytes=0))
    requests = Requests(app)
    for size in sizes:
        text = MARKER + (filling * size)[: size - len(MARKER)]
        for method, rule in requests.rules:
            requests.send(method, rule, text)
    gc.collect()
    assert max(map(len, iter_texts(MARKER, app)), default=0) <= MAX_URL_LENGTH
    for cache in _find_caches(app):
        assert max(map(count_characters, cache), default=0) <= cache.max_key
    for own in iter_reachable(app):
        if isinstance(own, functools._lru_cache_wrapper) and is_ours(own):
            assert not any(MARKER in key for key in _iter_keys(own) if len(key) > MAX_KEY)


def test_what_is_kept_of_many_different_requests_does_not_grow(app: Flask, small: list[Budget]) -> None:
    requests = Requests(app)
    rng = random.Random(1)
    answers: AnswerCache = app.extensions["outpost.answers"]
    sent, reachable = 0, []
    for _ in range(3):
        for method, rule in requests.rules:
            for _ in range(2):
                sent += 1
                text = f"{MARKER}{sent}x"
                requests.send(method, rule, text + "y" * rng.choice((0, 10, 100, 300)))
        gc.collect()
        for budget in small:
            _check(budget)
        assert answers.bytes <= 100_000
        reachable.append(sum(1 for _ in iter_reachable(app)))
    # Each text is sent in some 30 places: what keeps one of them, each time, keeps hundreds.
    kept = {found for text in iter_texts(MARKER, app) for found in re.findall(f"{MARKER}\\d+x", _decode(text))}
    assert len(kept) < sent / 5
    assert reachable[2] < reachable[1] + 500


def test_no_cache_of_ours_is_without_a_bound(app: Flask) -> None:
    found = [one for one in iter_reachable(app) if isinstance(one, functools._lru_cache_wrapper) and is_ours(one)]
    assert found
    assert all(cache.cache_info().maxsize is not None for cache in found)
    assert max(cache.cache_info().maxsize or 0 for cache in found) <= 1_000


def test_the_document_tells_the_bound_of_each_cache() -> None:
    """And the sum of them."""
    table = _DOCUMENT.read_text().partition("### Memory of a worker")[2].partition("\n#")[0]
    told = [int(number) for number in re.findall(r"^\|[^|]+\| ([0-9]+) MB \|", table, re.MULTILINE)]
    *parts, total = told
    budgets = {id(one): one for one in iter_reachable() if isinstance(one, Budget)}.values()
    cluster = (cluster_engine.TERMS, cluster_engine.PREFIXES)
    own = [one.max_bytes >> 20 for one in budgets if one not in cluster]
    assert sorted([*own, MAX_BYTES >> 20]) == sorted(parts[: len(own) + 1])
    assert total == sum(parts)


def _find_caches(app: Flask) -> list[Cache[object, object]]:
    return [one for one in iter_reachable(app) if isinstance(one, Cache)]


def _check(budget: Budget) -> None:
    entries = [(key, value) for cache in budget.caches for key, value in cache.items()]
    assert sum(measure(key) + measure(value) + ENTRY for key, value in entries) <= budget.used <= budget.max_bytes


def _iter_keys(cache: object) -> Iterator[str]:
    for held in gc.get_referents(cache):
        for one in (held, *(held if isinstance(held, tuple) else ())):
            if isinstance(one, str):
                yield one


def _decode(text: str | bytes) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text
