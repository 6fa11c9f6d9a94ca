"""Clients of the API: over the sample, over a small corpus of texts that attack, and over no index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.settings import Settings
from index.documents.story import Story
from tests.support.factories import build_stories, make_story

MakeClient = Callable[..., FlaskClient]
_QUOTED_URL = """https://quotes.example.com/a?x="y"&z='w'&t=<b>"""

HOSTILE: list[Story] = [
    make_story(
        "script",
        title='<script>alert("1")</script> robot & co',
        short_title="<img src=x onerror=alert(1)>",
        summary="Tom & \"Jerry\" say <b>robot</b> 'now' &amp; <script>again</script>",
        topics=["<i>Robotics</i>", "C++", "C"],
        curated_by='"><script>desk</script>',
        published_at="2025-03-01T00:00:00Z",
        image_url=_QUOTED_URL,
        sections=[
            {"heading": "Intro", "paragraphs": [{"text": "A robot </script><script>alert(2)</script>"}]},
            {"heading": "Intro", "paragraphs": [{"text": "second", "citations": [1, 2]}]},
            {"heading": "Intro 2"},
            {"heading": "", "paragraphs": [{"text": "nameless"}]},
            {"heading": "Section 4"},
        ],
        sources=[
            {
                "url": _QUOTED_URL,
                "title": "<script>robot</script>",
                "publisher": {"name": "<b>Quotes</b>", "domain": "www.quotes.example.com", "logo_url": _QUOTED_URL},
                "author": "O'Hara <o@example.com>",
                "published_at": "2025-02-28T23:00:00+01:00",
                "excerpt": '"quoted" & <marked>',
            },
            {"title": "A plain robot", "publisher": {"domain": "WWW.Plain.example.com"}},
        ],
    ),
    make_story("think", title="<think> is a word", summary="No tag: <think>", published_at="2025-03-02T00:00:00Z"),
    make_story(
        "cjk",
        title="東京 ロボット 発表",
        summary="新しい ロボット が歩く",
        language="ja",
        topics=["人工知能"],
        published_at="2025-03-03T09:00:00+09:00",
        sources=[{"url": "https://asahi.example.jp/ロボット", "title": "ロボット", "publisher": {"name": "朝日新聞"}}],
    ),
    make_story("emoji", title="🤖🚀 robot 👩‍🚀 lands", summary="𝔘𝔫𝔦 🤖 robot", published_at="2025-03-04T00:00:00Z"),
    make_story("undated", title="Undated robot", updated_at="2025-03-05T00:00:00.123456Z"),
    make_story(
        "empty-sources", title="Robot with empty sources", sources=[{}, {}], published_at="2025-03-01T00:00:00Z"
    ),
    make_story(
        "a.b~c_d-e", title="-", summary='<"&>', related=["script", "never-there", "a.b~c_d-e", "emoji", "script"]
    ),
]


@pytest.fixture(scope="session")
def make_client() -> Iterator[MakeClient]:
    """Makes clients whose index is closed at the end."""
    apps: list[Flask] = []

    def make(index: Path, public_url: str = "", pages: str = "on") -> FlaskClient:
        apps.append(create_app(Settings(index=index, public_url=public_url, pages=pages)))
        return apps[-1].test_client()

    yield make
    for app in apps:
        app.extensions["outpost.index"].close()


@pytest.fixture(scope="session")
def client(make_client: MakeClient, sample_index: Path) -> FlaskClient:
    """Over the sample."""
    return make_client(sample_index)


@pytest.fixture(scope="session")
def hostile_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_stories(tmp_path_factory.mktemp("hostile") / "index", HOSTILE)


@pytest.fixture(scope="session")
def hostile(make_client: MakeClient, hostile_index: Path) -> FlaskClient:
    """Over HOSTILE."""
    return make_client(hostile_index)


@pytest.fixture
def nowhere(make_client: MakeClient, tmp_path: Path) -> FlaskClient:
    """Over a directory that is not there."""
    return make_client(tmp_path / "nothing")
