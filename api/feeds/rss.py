"""RSS 2.0 with the common modules: content, Dublin Core, Media RSS, and Atom links for paging."""

from __future__ import annotations

from email.utils import format_datetime
from html import escape
from xml.etree.ElementTree import Element

from api.feeds.atom import RELATIONS, guess_type
from api.feeds.feed import GENERATOR, Entry, Feed
from api.response.markup import add, serialize
from index.documents.stored_hit import format_time

MEDIA_TYPE = "application/rss+xml"
_NAMESPACES = {
    "xmlns:atom": "http://www.w3.org/2005/Atom",
    "xmlns:content": "http://purl.org/rss/1.0/modules/content/",
    "xmlns:dc": "http://purl.org/dc/elements/1.1/",
    "xmlns:dcterms": "http://purl.org/dc/terms/",
    "xmlns:media": "http://search.yahoo.com/mrss/",
}


def render(feed: Feed) -> bytes:
    """The feed as an RSS document."""
    root = Element("rss", {"version": "2.0", **_NAMESPACES})
    channel = add(root, "channel")
    add(channel, "title", feed.title)
    add(channel, "link", feed.home)
    add(channel, "description", feed.description)
    if feed.language:
        add(channel, "language", feed.language)
    add(channel, "pubDate", format_datetime(feed.updated))
    add(channel, "lastBuildDate", format_datetime(feed.built))
    add(channel, "generator", GENERATOR)
    for name, relation in RELATIONS.items():
        if url := feed.links[name]:
            add(channel, "atom:link", rel=relation, type=MEDIA_TYPE, href=url)
    for entry in feed.entries:
        _add_item(channel, entry)
    return serialize(root)


def _add_item(channel: Element, entry: Entry) -> None:
    story = entry.story
    item = add(channel, "item")
    add(item, "title", story.title)
    if story.short_title:
        add(item, "dcterms:alternative", story.short_title)
    add(item, "link", entry.url)
    add(item, "guid", entry.id, isPermaLink="false")
    if story.published_at:
        add(item, "pubDate", format_datetime(story.published_at))
    if story.updated_at:
        add(item, "dcterms:modified", format_time(story.updated_at))
    if story.curated_by.strip():
        add(item, "dc:creator", story.curated_by)
    add(item, "dc:language", story.language)
    for label in entry.topics:
        add(item, "category", label)
    for url in entry.related:
        add(item, "atom:link", rel="related", type="application/json", href=url)
    if story.image_url:
        add(item, "media:content", url=story.image_url, medium="image", type=guess_type(story.image_url))
    if story.summary:
        # Feed readers parse the description as HTML.
        add(item, "description", escape(story.summary))
    add(item, "content:encoded", entry.content)
