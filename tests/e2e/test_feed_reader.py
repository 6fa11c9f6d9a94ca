"""A real feed reader over HTTP: it subscribes to a search, and asks again without being sent it twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from reader import make_reader

from tests.e2e.conftest import Server
from tests.support.factories import build_stories, make_story


@pytest.mark.parametrize("form", ["json", "rss", "atom"])
def test_a_reader_has_what_the_search_finds_and_the_next_build_brings_the_news(
    start_server: Callable[..., Server], tmp_path: Path, form: str
) -> None:
    stories = [
        make_story(
            str(n), title=f"Ferry {n}", summary=f"<b> {n}", curated_by="Ada", topics=["Transport"],
            published_at=f"2025-01-0{n + 1}T10:00:00Z", sources=[{"url": "https://a.example.com/1", "title": "One"}],
        )
        for n in range(3)
    ]  # fmt: skip
    server = start_server(build_stories(tmp_path / "index", stories))
    url = f"{server.url}/v1/feeds/search.{form}?q=ferry"
    with make_reader(":memory:") as reader:
        reader.add_feed(url)
        assert reader.update_feed(url).new == 3  # type: ignore[union-attr]
        entries = {entry.title: entry for entry in reader.get_entries()}
        assert entries.keys() == {f"Ferry {n}" for n in range(3)}
        one = entries["Ferry 1"]
        assert one.id == f"{server.url}/v1/stories/1"
        assert one.link == f"{server.url}/s/ferry-1-1"
        assert one.authors_str == "Ada"
        assert one.published.isoformat() == "2025-01-02T10:00:00+00:00"  # type: ignore[union-attr]
        content = one.get_content()
        assert content is not None
        assert "&lt;b&gt; 1" in content.value
        assert 'href="https://a.example.com/1"' in content.value
        asked = _count(server, 304)
        assert reader.update_feed(url) is None or reader.get_feed_counts().total == 1
        assert _count(server, 304) == asked + 1
        build_stories(tmp_path / "index", [*stories, make_story("new", title="Ferry four")])
        assert reader.update_feed(url).new == 1  # type: ignore[union-attr]


def _count(server: Server, status: int) -> int:
    """Answers with a status, as the server's metrics have it."""
    lines = requests.get(f"{server.url}/metrics", timeout=10).text.splitlines()
    return sum(
        int(line.rpartition(" ")[2]) for line in lines
        if line.startswith('outpost_requests_total{rule="/v1/feeds') and f'status="{status}"' in line
    )  # fmt: skip
