"""The HTML content of a feed entry: summary, sections with citations, numbered sources."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement, tostring

from index.documents.identity import normalize_domain
from index.documents.stored_hit import format_time
from index.documents.story import Paragraph, Publisher, Source, Story

# Longer summaries are left out if the content is too long. The longest of 228,612 real ones has 2,071 characters.
_MAX_SUMMARY = 20_000


def write_content(story: Story, room: int) -> str:
    """HTML without a root element: the full story if it has at most ``room`` characters, else the summary, else ""."""
    parts: list[str] = []
    size = 0
    for element in _iter_elements(story, room):
        parts.append(tostring(element, encoding="unicode", method="html"))
        size += len(parts[-1])
        if size > room:
            return parts[0] if story.summary and len(parts[0]) <= _MAX_SUMMARY else ""
    return "".join(parts)


def _iter_elements(story: Story, room: int) -> Iterator[Element]:
    """The elements of the content one by one, so that the caller can stop early."""
    if story.summary:
        yield _make("p", story.summary)
    for section in story.sections:
        if section.heading:
            yield _make("h3", section.heading)
        for paragraph in section.paragraphs:
            yield _make_paragraph(paragraph, story, room)
    if story.sources:
        yield _make("h3", "Sources")
        entries = Element("ol")
        for source in story.sources:
            _add_source(SubElement(entries, "li"), source)
        yield entries


def _make(tag: str, text: str) -> Element:
    element = Element(tag)
    element.text = text
    return element


def _make_paragraph(paragraph: Paragraph, story: Story, room: int) -> Element:
    """The text, and each citation as a number that links to the article.

    Stops after ``room`` characters: a million citations of one long URL would fill the memory.
    """
    element = _make("p", paragraph.text)
    for number in paragraph.citations:
        url = story.sources[number - 1].url or None
        raised = SubElement(element, "sup")
        _add_linked(raised, str(number), url)
        raised.tail = " "
        room -= len(url or "") + len("<sup></sup>")
        if room < 0:
            break
    return element


def _add_source(entry: Element, source: Source) -> None:
    if source.url or source.title:
        _add_linked(entry, source.title or source.url or "", source.url or None)
    if source.publisher:
        _add_publisher(entry, source.publisher)
    if source.author:
        SubElement(entry, "address").text = source.author
    if time := format_time(source.published_at or None):
        SubElement(entry, "time", datetime=time).text = time[:10]
    if source.excerpt:
        SubElement(entry, "blockquote").text = source.excerpt
    for part in entry:
        part.tail = " "


def _add_publisher(entry: Element, publisher: Publisher) -> None:
    """Add logo and name of the publisher, and its domain if that is not its name."""
    if publisher.logo_url:
        SubElement(entry, "img", src=publisher.logo_url, alt="", width="16", height="16")
    domain = normalize_domain(publisher.domain)
    if publisher.label:
        SubElement(entry, "cite").text = publisher.label
    if domain and domain != publisher.label:
        SubElement(entry, "small").text = domain


def _add_linked(parent: Element, text: str, url: str | None) -> None:
    element = SubElement(parent, "a", href=url) if url else SubElement(parent, "span")
    element.text = text
