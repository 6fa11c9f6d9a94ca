"""Who reads on, by cursors or in an export, reads the index as it was, whatever happens to it in the meantime."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from flask.testing import FlaskClient

from api.app import create_app
from api.settings import Settings
from index.errors import IndexUnavailable
from index.indexer import build_index, update_index
from index.live import LiveIndex
from index.query.requests import SearchQuery, SourceQuery
from index.search import export_stories
from tests.api.helpers import check_problem
from tests.support.factories import make_story, write_stories
from tools.opensearch_node import Node

pytestmark = pytest.mark.xdist_group("opensearch")
IDS = [f"{n:02}" for n in range(40)]


@pytest.fixture
def settings(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Forty stories, each with a source, in an index of its own."""
    alias = f"t{uuid4().hex[:10]}"
    settings = Settings(index=tmp_path / "scratch", engine=f"opensearch://127.0.0.1:{node.port}/{alias}")
    build(settings, tmp_path, build_index)
    # A server that looks once does not see what happens in these tests.
    monkeypatch.setattr("index.stores.cluster._FRESH", 1e9)
    yield settings
    requests.delete(f"{node.url}/{alias}-*", timeout=30)


def build(settings: Settings, tmp_path: Path, run: Any, idents: list[str] = IDS, word: str = "Ferry") -> None:
    stories = (make_story(ident, title=f"{word} {ident}", sources=[{"title": f"{word} {ident}"}]) for ident in idents)
    run(settings.place, [write_stories(tmp_path / "in.ndjson", stories)])


@pytest.fixture
def client(settings: Settings) -> Iterator[FlaskClient]:
    app = create_app(settings)
    yield app.test_client()
    app.extensions["outpost.index"].close()


def points(node: Node) -> list[Any]:
    """All that are open."""
    answer = requests.get(f"{node.url}/_search/point_in_time/_all", timeout=30).json()
    return list(answer["pits"])


def end_points(node: Node) -> None:
    assert requests.delete(f"{node.url}/_search/point_in_time/_all", timeout=30).ok
    assert not points(node)


def read(client: FlaskClient, url: str, cursor: str | None = None) -> tuple[list[str], str]:
    answer = json.loads(client.get(url + (f"&cursor={cursor}" if cursor else "")).data)
    return [one["id"] for one in answer["results"]], answer["next_cursor"]


@pytest.mark.parametrize("url", ["/v1/search?q=ferry&sort=newest&per_page=10", "/v1/sources?q=ferry&per_page=10"])
def test_a_cursor_reads_on_in_what_was_there_whatever_is_updated_meanwhile(
    url: str, client: FlaskClient, settings: Settings, tmp_path: Path
) -> None:
    first, cursor = read(client, url)
    second, cursor = read(client, url, cursor)
    # Stories that would come first, and others in place of those not read yet.
    build(settings, tmp_path, update_index, ["000", *IDS[20:]], word="Robot")
    third, cursor = read(client, url, cursor)
    last, cursor = read(client, url, cursor)
    assert cursor is None
    found = first + second + third + last
    assert len(set(found)) == len(found) == len(IDS)


@pytest.mark.parametrize("url", ["/v1/search?q=ferry&sort=newest&per_page=10", "/v1/sources?q=ferry&per_page=10"])
def test_a_cursor_to_what_has_been_updated_is_stale(
    url: str, client: FlaskClient, settings: Settings, node: Node, tmp_path: Path
) -> None:
    _, cursor = read(client, url)
    build(settings, tmp_path, update_index, ["000"])
    check_problem(client.get(f"{url}&cursor={cursor}"), 410, "stale_cursor")
    assert not points(node)


def test_a_cursor_whose_point_in_time_is_gone_goes_on_or_is_stale(
    client: FlaskClient, settings: Settings, node: Node, tmp_path: Path
) -> None:
    url = "/v1/stories?per_page=10"
    first, cursor = read(client, url)
    second, cursor = read(client, url, cursor)
    end_points(node)
    third, last = read(client, url, cursor)
    assert first + second + third == IDS[:30]
    end_points(node)
    build(settings, tmp_path, update_index, ["000"])
    check_problem(client.get(f"{url}&cursor={last}"), 410, "stale_cursor")


def test_all_who_read_on_share_one_point_in_time_and_it_ends_with_the_engine(settings: Settings, node: Node) -> None:
    end_points(node)
    live = LiveIndex(settings.place)
    with live.borrow() as generation:
        after = generation.engine.search_stories(SearchQuery(limit=10)).after
        for _ in range(3):
            assert generation.engine.search_stories(SearchQuery(limit=10, after=after)).hits[0].id == "10"
        exports = [export_stories(generation, SearchQuery()) for _ in range(3)]
        assert [sum(1 for _ in lines) for lines in exports] == [40] * 3
        assert len(points(node)) == 1
        of_sources = generation.engine.search_sources(SourceQuery(limit=10)).after
        generation.engine.search_sources(SourceQuery(limit=10, after=of_sources))
        assert len(points(node)) == 2
    live.close()
    assert not points(node)


def test_an_export_gives_the_stories_of_its_beginning_or_breaks_and_never_ends_early(
    settings: Settings, node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.engines.opensearch.engine._EXPORTED", 10)
    live = LiveIndex(settings.place)
    with live.borrow() as generation:
        lines, broken = (export_stories(generation, SearchQuery()) for _ in range(2))
        found = [json.loads(next(lines))["title"]]
        next(broken)
        build(settings, tmp_path, update_index, word="Robot")
        found += [json.loads(line)["title"] for line in lines]
        assert found == [f"Ferry {ident}" for ident in IDS]
        end_points(node)
        with pytest.raises(IndexUnavailable, match="has been updated"):
            list(broken)
    live.close()


def test_reading_on_without_an_index_is_said(settings: Settings, node: Node) -> None:
    live = LiveIndex(settings.place)
    with live.borrow() as generation:
        after = generation.engine.search_stories(SearchQuery(limit=10)).after
        requests.delete(f"{node.url}/{settings.engine.rpartition('/')[2]}-*", timeout=30)
        with pytest.raises(IndexUnavailable, match="no such index"):
            generation.engine.search_stories(SearchQuery(limit=10, after=after))
    live.close()
