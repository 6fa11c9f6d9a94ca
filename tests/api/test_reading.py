"""Arguments that were read before: never another answer than reading them anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from api.errors import InvalidParameters
from api.request import parameters
from api.request.arguments import RelatedArguments, SearchArguments
from api.request.parameters import Arguments, QueryParser
from index.caching import Budget
from tests.api.helpers import url_of

_SEARCH = SearchArguments()
_APP = Flask(__name__)


def read(parser: QueryParser, url: str) -> Arguments:
    with _APP.test_request_context(url):
        return parser.read(_SEARCH)


@pytest.mark.parametrize("url", ["/", "/?q=robot&facets=topic", "/?from=2025-01-01&to=2025-02-01", "/?q=now-7d"])
def test_a_string_is_read_once(url: str) -> None:
    parser = QueryParser()
    first = read(parser, url)
    assert read(parser, url) is first
    assert dict(first) == dict(read(QueryParser(), url))


@pytest.mark.parametrize("url", ["/?from=now-7d", "/?to=now", "/?from=%6eow-7d", "/?%66rom=n%6Fw-1h&q=robot"])
def test_what_depends_on_the_time_is_always_read(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + timedelta(days=3)

    parser = QueryParser()
    first = read(parser, url)
    monkeypatch.setattr(parameters, "datetime", Later)
    later = read(parser, url)
    name = "published_to" if "to" in url else "published_from"
    assert timedelta(days=3) <= later[name] - first[name] <= timedelta(days=3, minutes=2)
    assert later.text != first.text


def test_endpoints_do_not_share_what_they_read() -> None:
    parser = QueryParser()
    assert "page" in read(parser, "/")
    with _APP.test_request_context("/"):
        assert dict(parser.read(RelatedArguments())) == {"limit": 5}


@pytest.mark.parametrize("url", ["/?q=a&q=b", "/?page=0", "/?nothing=1"])
def test_a_fault_is_told_each_time(url: str) -> None:
    parser = QueryParser()
    for _ in range(2):
        with pytest.raises(InvalidParameters):
            read(parser, url)


def test_what_is_kept_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = Budget(40_000)
    monkeypatch.setattr(parameters, "ARGUMENTS", budget)
    parser = QueryParser()
    first = read(parser, "/?page=1")
    for page in range(2, 100):
        read(parser, f"/?page={page}")
        assert budget.used <= 40_000
    assert read(parser, "/?page=1") is not first


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (url_of("/", q="a" * 200), True),
        (url_of("/", q="a" * 201), False),
        (url_of("/", q="%" * 100), True),
        (url_of("/", q="a" * 200, topic="b" * 200), True),
        (url_of("/", q="a" * 200, topic="b" * 200, publisher="c" * 100), False),
    ],
)
def test_no_long_value_is_kept(url: str, kept: bool) -> None:
    parser = QueryParser()
    assert (read(parser, url) is read(parser, url)) is kept
    assert read(parser, url) == read(parser, url)
