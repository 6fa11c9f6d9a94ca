"""Marking of long words in long texts: a search has a deadline, whatever is marked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.attack.figures import Attack
from tests.attack.servers import Target
from tests.attack.sockets import exchange, make_post, make_request
from tests.support.factories import build_stories, make_story

SECONDS = 1.5
STORIES = 120


def test_marking_of_long_words(tmp_path: Path, start: Callable[..., Target], attack: Attack) -> None:
    """Pages of a hundred hits, each of which has a word of 300 letters among thousands of matches."""
    text = "the night ferry waits for the tide and the tide for nobody " * 1_500
    long_word = "x" * 300
    made = (
        make_story(f"{n}", title=f"Ferry {n}", summary=f"{long_word} {text[:8000]}",
                   sections=[{"paragraphs": [{"text": f"{text} {long_word} {text[:n]}"}]}],
                   sources=[{"title": f"{long_word} tide", "excerpt": text[:20_000]}])
        for n in range(STORIES)
    )  # fmt: skip
    server = start(build_stories(tmp_path / "index", made))
    once = {"indexName": "stories", "hitsPerPage": 100, "attributesToSnippet": ["body:50", "summary:50"]}
    many = {"requests": [{**once, "query": f"ferry {word}"} for word in ["tide", "night", "the", long_word] * 5]}
    closing = ("Connection", "close")
    requests = {
        "search": make_request("GET", "/v1/search?q=ferry&per_page=100", [closing]),
        "search for many words": make_request("GET", "/v1/search?q=the+OR+ferry+OR+t*&per_page=100", [closing]),
        "search for the word": make_request("GET", f"/v1/search?q={long_word}&per_page=100", [closing]),
        "search for its beginning": make_request("GET", f"/v1/search?q={'x' * 200}*+tide&per_page=100", [closing]),
        "a phrase": make_request("GET", "/v1/search?q=%22the+tide+for+nobody%22&per_page=100", [closing]),
        "the page": make_request("GET", "/search?q=the+tide", [closing]),
        "20 searches of a widget": make_post("/v1/instantsearch", json.dumps(many).encode(), [closing]),
    }
    for kind, raw in requests.items():
        reply = exchange(server.url, raw, timeout=15)
        kept = reply.status in (200, 504) and reply.seconds < SECONDS
        figure = f"status {reply.status} in {reply.seconds:.2f} s"
        attack.tell(f"{kind}, {STORIES} stories", figure, f"200 or 504, in {SECONDS} s", kept)
