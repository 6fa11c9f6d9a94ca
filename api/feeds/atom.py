"""Atom 1.0 (RFC 4287) with paging (RFC 5005)."""

from __future__ import annotations

import mimetypes
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from api.feeds.feed import GENERATOR, NO_TIME, Entry, Feed
from api.response.markup import add, serialize
from index.documents.stored_hit import format_time

MEDIA_TYPE = "application/atom+xml"
_NAMESPACES = {"xmlns": "http://www.w3.org/2005/Atom", "xmlns:dcterms": "http://purl.org/dc/terms/"}
# Link names of the API's lists, and the link relations of RFC 5005.
RELATIONS = {"self": "self", "first": "first", "next": "next", "prev": "previous"}


def render(feed: Feed) -> bytes:
    """The feed as an Atom document."""
    root = Element("feed", dict(_NAMESPACES))
    if feed.language:
        root.set("xml:lang", feed.language)
    # The id is the same on all pages of the feed.
    add(root, "id", feed.links["first"])
    add(root, "title", feed.title)
    add(root, "subtitle", feed.description)
    add(root, "updated", format_time(feed.updated))
    add(root, "generator", GENERATOR)
    add(add(root, "author"), "name", GENERATOR)
    add(root, "link", rel="alternate", type="text/html", href=feed.home)
    for name, relation in RELATIONS.items():
        if url := feed.links[name]:
            add(root, "link", rel=relation, type=MEDIA_TYPE, href=url)
    for entry in feed.entries:
        _add_entry(root, entry)
    return serialize(root)


def _add_entry(root: Element, entry: Entry) -> None:
    story = entry.story
    element = add(root, "entry")
    element.set("xml:lang", story.language)
    add(element, "id", entry.id)
    add(element, "title", story.title)
    if story.short_title:
        add(element, "dcterms:alternative", story.short_title)
    add(element, "updated", format_time(entry.updated or NO_TIME))
    if story.published_at:
        add(element, "published", format_time(story.published_at))
    if story.curated_by.strip():
        add(add(element, "author"), "name", story.curated_by)
    for label in entry.topics:
        add(element, "category", term=label)
    add(element, "link", rel="alternate", type="text/html", href=entry.url)
    for url in entry.related:
        add(element, "link", rel="related", type="application/json", href=url)
    if story.image_url:
        add(element, "link", rel="enclosure", type=guess_type(story.image_url), href=story.image_url)
    if story.summary:
        add(element, "summary", story.summary)
    add(element, "content", entry.content, type="html")


def guess_type(url: str) -> str | None:
    """The media type by the file extension of a URL, None if unknown."""
    return mimetypes.guess_type(urlsplit(url).path)[0]
