"""The rules of each format, from the texts of its specification: each check tells what is broken."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, fromstring

ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
MEDIA = "{http://search.yahoo.com/mrss/}"
# RFC 3339, with the capital T and Z of RFC 4287, 3.3.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
# RFC 822 with a year of four digits, as the RSS specification prefers.
_MAIL_TIME = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d ([+-]\d{4}|GMT)")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+")
_ATOM_FEED = "id title subtitle updated generator author link entry".split()
_ATOM_ENTRY = "id title updated published author category link summary content".split()
_RSS_CHANNEL = "title link description language pubDate lastBuildDate generator item".split()
_RSS_ITEM = "title link guid pubDate category description".split()


def check_url(url: str | None) -> None:
    """A whole http address, nothing that could be another part of a document."""
    parts = urlsplit(url or "")
    assert parts.scheme in ("http", "https"), url
    assert parts.hostname, url
    assert not re.search(r'[\s<>"]', (url or "").partition("?")[0]), url


def check_atom(document: bytes) -> Element:
    """RFC 4287, and the links of RFC 5005."""
    feed = fromstring(document)
    assert feed.tag == f"{ATOM}feed"
    _check_children(
        feed, _ATOM_FEED, once="id title subtitle updated generator".split(), needed=("id", "title", "updated")
    )
    _check_links(feed, "self")
    entries = feed.findall(f"{ATOM}entry")
    # 4.1.1: a feed without an author needs one in each entry.
    assert feed.find(f"{ATOM}author") is not None or all(e.find(f"{ATOM}author") is not None for e in entries)
    for entry in entries:
        once = "id title updated published summary content".split()
        _check_children(entry, _ATOM_ENTRY, once=once, needed=("id", "title", "updated", "content"))
        _check_links(entry, "alternate")
        content = entry.find(f"{ATOM}content")
        assert content is not None
        assert content.get("type") == "html"
    for name in ("id", "updated"):
        for element in feed.iter(ATOM + name):
            check_url(element.text) if name == "id" else check_time(element.text)
    for author in feed.iter(f"{ATOM}author"):
        assert (author.findtext(f"{ATOM}name") or "").strip()
    assert all((category.get("term") or "").strip() for category in feed.iter(f"{ATOM}category"))
    _check_unique([entry.findtext(f"{ATOM}id") for entry in entries])
    return feed


def check_rss(document: bytes) -> Element:
    """RSS 2.0 at harvard.edu, and the profile of the RSS Advisory Board."""
    root = fromstring(document)
    assert (root.tag, root.get("version")) == ("rss", "2.0")
    [channel] = root
    once = "title link description language pubDate lastBuildDate generator".split()
    _check_children(channel, _RSS_CHANNEL, once=once, needed=("title", "link", "description"), namespace="")
    _check_links(channel, "self")
    check_url(channel.findtext("link"))
    for name in ("pubDate", "lastBuildDate"):
        for element in root.iter(name):
            assert _MAIL_TIME.fullmatch(element.text or ""), element.text
            assert parsedate_to_datetime(element.text or "").tzinfo
    items = channel.findall("item")
    for item in items:
        once = "title link guid pubDate description".split()
        _check_children(item, _RSS_ITEM, once=once, needed=("title", "link", "guid"), namespace="")
        check_url(item.findtext("link"))
        guid = item.find("guid")
        assert guid is not None
        assert guid.get("isPermaLink") == "false"
        assert len(item.findall(f"{CONTENT}encoded")) == 1
        for picture in item.findall(f"{MEDIA}content"):
            check_url(picture.get("url"))
            assert picture.get("medium") == "image"
    _check_unique([item.findtext("guid") for item in items])
    return root


def check_json_feed(document: bytes) -> dict[str, Any]:
    """jsonfeed.org/version/1.1."""
    feed: dict[str, Any] = json.loads(document)
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    texts = "version title home_page_url feed_url description next_url language".split()
    assert feed.keys() <= {*texts, "items"}
    assert all(isinstance(feed[name], str) for name in texts if name in feed)
    for name in ("home_page_url", "feed_url", *({"next_url"} & feed.keys())):
        check_url(feed[name])
    assert feed.get("next_url") != feed["feed_url"]
    for item in feed["items"]:
        _check_json_item(item)
    _check_unique([item["id"] for item in feed["items"]])
    return feed


def _check_json_item(item: dict[str, Any]) -> None:
    texts = "id url title content_html summary image date_published date_modified language".split()
    assert item.keys() <= {*texts, "authors", "tags", "_outpost"}
    assert all(isinstance(item[name], str) for name in texts if name in item)
    # An item needs a content_html or a content_text, of which the first may be empty.
    assert {"id", "content_html"} <= item.keys()
    for name in ("id", "url", *({"image"} & item.keys())):
        check_url(item[name])
    for name in {"date_published", "date_modified"} & item.keys():
        check_time(item[name])
    # An author object has at least one of name, url, avatar.
    assert all(author["name"].strip() for author in item.get("authors", []))
    assert all(isinstance(tag, str) for tag in item.get("tags", []))
    assert _LANGUAGE.fullmatch(item["language"])


def check_time(text: str | None) -> None:
    assert _TIME.fullmatch(text or ""), text
    assert datetime.fromisoformat(text or "").tzinfo


def _check_children(
    element: Element, allowed: list[str], *, once: list[str], needed: tuple[str, ...], namespace: str = ATOM
) -> None:
    """Of the format's own namespace nothing else, some at most once, some at least once."""
    own = [child.tag.removeprefix(namespace) for child in element if namespace or not child.tag.startswith("{")]
    own = [name for name in own if not name.startswith("{")]
    assert set(own) <= set(allowed)
    assert [name for name in once if own.count(name) > 1] == []
    assert [name for name in needed if name not in own] == []


def _check_links(element: Element, needed: str) -> None:
    """Whole addresses; one of each relation and type (4.1.1), and the one that is needed."""
    links = list(_iter_links(element))
    single = [(link.get("rel"), link.get("type")) for link in links if link.get("rel") != "related"]
    assert len(set(single)) == len(single)
    assert needed in [link.get("rel") for link in links]


def _iter_links(element: Element) -> Iterator[Element]:
    for link in element.findall(f"{ATOM}link"):
        check_url(link.get("href"))
        assert link.get("type") is None or _MEDIA_TYPE.fullmatch(link.get("type") or "")
        yield link


def _check_unique(ids: list[str | None]) -> None:
    assert len(set(ids)) == len(ids)
