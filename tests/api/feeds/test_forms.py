"""Feeds of stories that Hypothesis makes: valid, and read back whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import fromstring

import feedparser
from hypothesis import assume, given, settings

from api.feeds import atom, json_feed, rss
from api.feeds.feed import Feed, make_entries
from api.response.answers import answer_detail
from api.response.markup import clean
from index.documents.story import Story
from tests.api.feeds.reading import expect_content, flatten, read_content
from tests.api.feeds.rules import check_atom, check_json_feed, check_rss
from tests.support.strategies import corpora

BASE = "https://news.example.com"
_LINKS = {"self": f"{BASE}/v1/feeds/a", "first": f"{BASE}/v1/feeds/a", "next": None, "prev": None}
Json = dict[str, Any]
_some = settings(max_examples=30, deadline=None)


def make_feed(stories: list[Story]) -> Feed:
    built = datetime(2025, 1, 1, tzinfo=UTC)
    return Feed("Title", "Description", f"{BASE}/search", dict(_LINKS), make_entries(stories, BASE), built)


def expect(story: Story) -> Json:
    """A topic that a story has twice once, as feedparser gives it."""
    detail = answer_detail(story, BASE, ("sections", "sources"), ())
    topics = [topic["label"] for topic in detail["topics"]]
    names = ("title", "short_title", "curated_by")
    return {
        "id": detail["url"],
        "topics": [*dict.fromkeys(topics)],
        **{name: detail[name] for name in names},
        **expect_content(detail),
    }


def purge(value: Any) -> Any:
    """Texts as XML can hold them."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: purge(part) for key, part in value.items()}
    return [purge(part) for part in value] if isinstance(value, list) else value


def mend(text: str) -> str:
    """What feedparser makes of a text: "Â¡" it takes for a "¡" that was encoded twice."""
    try:
        return text.encode("iso-8859-1").decode()
    except UnicodeError:
        return text


@_some
@given(corpora)
def test_a_json_feed_has_every_story_whole(stories: list[Story]) -> None:
    items = check_json_feed(json_feed.render(make_feed(stories)))["items"]
    for item, story in zip(items, stories, strict=True):
        read = {
            "id": item["id"], "title": item["title"], "topics": [*dict.fromkeys(item.get("tags", []))],
            "short_title": item.get("_outpost", {}).get("short_title", ""),
            "curated_by": "".join(author["name"] for author in item.get("authors", [])),
            **read_content(item["content_html"], item.get("summary", "")),
        }  # fmt: skip
        assert flatten(read) == flatten(expect(story))


@_some
@given(corpora)
def test_atom_and_rss_have_every_story_whole(stories: list[Story]) -> None:
    feed = make_feed(stories)
    check_atom(atom.render(feed))
    check_rss(rss.render(feed))
    for document in (atom.render(feed), rss.render(feed)):
        # feedparser strips a text before.
        assume(not any(mend(text.strip()) != text.strip() for text in fromstring(document).itertext()))
        # The reader's own cleaning of HTML is no part of what is sent.
        parsed = feedparser.parse(document, sanitize_html=False, resolve_relative_uris=False)
        assert not parsed.bozo, parsed
        for entry, story in zip(parsed.entries, stories, strict=True):
            read = {
                "id": entry.id, "title": entry.title, "topics": [tag["term"] for tag in entry.get("tags", [])],
                "short_title": entry.get("dcterms_alternative", ""), "curated_by": entry.get("author", ""),
                **read_content(entry.content[0].value, story.summary),
            }  # fmt: skip
            assert flatten(read) == flatten(purge(expect(story)))
