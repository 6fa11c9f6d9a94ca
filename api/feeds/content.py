"""A story as the HTML of a feed's entry: summary, sections with their citations, numbered sources."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, tostring

from index.brief import format_time
from index.documents import Paragraph, Publisher, Source, Story
from index.identity import normalize_domain


def write_content(story: Story, *, whole: bool = True) -> str:
    """Escaped HTML without a root; not ``whole``: the summary alone."""
    article = Element("article")
    if story.summary:
        SubElement(article, "p").text = story.summary
    if whole:
        _add_sections(article, story)
        _add_sources(article, story)
    return "".join(tostring(part, encoding="unicode", method="html") for part in article)


def _add_sections(article: Element, story: Story) -> None:
    for section in story.sections:
        if section.heading:
            SubElement(article, "h3").text = section.heading
        for paragraph in section.paragraphs:
            _add_paragraph(article, paragraph, story)


def _add_paragraph(article: Element, paragraph: Paragraph, story: Story) -> None:
    """The text, and each citation as a number that leads to the article."""
    element = SubElement(article, "p")
    element.text = paragraph.text
    for number in paragraph.citations:
        raised = SubElement(element, "sup")
        _add_linked(raised, str(number), story.sources[number - 1].url or None)
        raised.tail = " "


def _add_sources(article: Element, story: Story) -> None:
    if not story.sources:
        return
    SubElement(article, "h3").text = "Sources"
    entries = SubElement(article, "ol")
    for source in story.sources:
        _add_source(SubElement(entries, "li"), source)


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
