"""A story as the HTML of a feed's entry: summary, sections with their citations, numbered sources."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement, tostring

from index.brief import format_time
from index.documents import Paragraph, Publisher, Source, Story
from index.identity import normalize_domain


def write_content(story: Story, room: int) -> str:
    """Escaped HTML without a root, of at most ``room`` characters: of the summary alone, or of nothing, where all would
    be longer."""
    parts: list[str] = []
    size = 0
    for element in _iter_elements(story):
        parts.append(tostring(element, encoding="unicode", method="html"))
        size += len(parts[-1])
        if size > room:
            summary = parts[0] if story.summary else ""
            return summary if len(summary) <= room else ""
    return "".join(parts)


def _iter_elements(story: Story) -> Iterator[Element]:
    """One after the other: how long all would be is seen before all are made."""
    if story.summary:
        yield _make("p", story.summary)
    for section in story.sections:
        if section.heading:
            yield _make("h3", section.heading)
        for paragraph in section.paragraphs:
            yield _make_paragraph(paragraph, story)
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


def _make_paragraph(paragraph: Paragraph, story: Story) -> Element:
    """The text, and each citation as a number that leads to the article."""
    element = _make("p", paragraph.text)
    for number in dict.fromkeys(paragraph.citations):
        raised = SubElement(element, "sup")
        _add_linked(raised, str(number), story.sources[number - 1].url or None)
        raised.tail = " "
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
    """Its logo and name, and its domain where that is another text."""
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
