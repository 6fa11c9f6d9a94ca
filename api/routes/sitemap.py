"""/sitemap.xml, the sitemaps that it lists, and /robots.txt: the story pages for search engines.

A sitemap has at most 50,000 stories of one month. Past months rarely change, so crawlers need not read them again.
https://www.sitemaps.org/protocol.html
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import chain, islice
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

import msgspec
from flask import Response

from api.endpoint import ApiBlueprint, borrow_index
from api.feeds.feed import GENERATOR
from api.request.arguments import NoArguments
from api.request.parameters import Arguments
from api.request.site import Site, find_site
from api.response.compression import PIECE
from api.response.conditional import Form
from api.response.markup import clean
from index.documents.stored_hit import format_time
from index.documents.story import Story
from index.errors import NotFound
from index.live import Loan, OpenGeneration
from index.query.requests import FacetRequest, Filters, SearchQuery, Sort, ValueFilter
from index.search import count_facet, export_stories, iter_stories

blueprint = ApiBlueprint("sitemap", __name__, description="For search engines and browsers")
MAX_URLS = 50_000
_XML = {"type": "string"}
_MEDIA_TYPE = "application/xml"
_CACHE_CONTROL = "public, max-age=3600"
_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
_NEWS = "http://www.google.com/schemas/sitemap-news/0.9"
# Google reads at most 1,000 stories of the last two days from a news sitemap.
_NEWS_AGE, _MAX_NEWS = timedelta(days=2), 1000
_NAME = re.compile(r"(\d{4}-\d\d|undated)-([1-9]\d{0,5})\.xml")
# The name of the sitemap of stories without a time.
_UNDATED = "undated"
# More than the 7,200 months between the earliest and latest time that a story may have.
_ALL_MONTHS = FacetRequest(names=("month",), size=10_000, sort="value")
_story_decoder = msgspec.json.Decoder(Story)


def _make_form(generation: OpenGeneration, arguments: Arguments) -> Form:
    site = find_site()
    return Form(_MEDIA_TYPE, site.base, site.limit(_CACHE_CONTROL))


@blueprint.get_document("/sitemap.xml", NoArguments, _XML, "index_unavailable", media_type=_MEDIA_TYPE, form=_make_form)
def list_sitemaps(generation: OpenGeneration, arguments: Arguments) -> bytes:
    """The sitemaps of all story pages

    One for each month, or for each 50,000 stories of a month, and one for the news of the last two days.
    """
    return _write_index(generation, find_site()).encode()


@blueprint.get_response(
    "/sitemaps/<sitemap_name>", NoArguments, _XML, "not_found", "index_unavailable", media_type=_MEDIA_TYPE
)
def read_sitemap(arguments: Arguments, sitemap_name: str) -> Response:
    """A sitemap

    The story pages of a month, oldest first; `news.xml` has those of the last two days in the format of Google News.
    """
    site = find_site()
    if sitemap_name == "news.xml":
        pieces = _iter_news(borrow_index(), site)
    elif match := _NAME.fullmatch(sitemap_name):
        pieces = _iter_month(borrow_index(), site, match[1], int(match[2]))
    else:
        raise NotFound("sitemap", sitemap_name)
    # Read the first piece now: an unknown sitemap must be a 404, before any byte is sent.
    first = next(pieces)
    response = Response(chain([first], pieces), content_type=_MEDIA_TYPE)
    response.call_on_close(pieces.close)
    response.headers["Cache-Control"] = site.limit(_CACHE_CONTROL)
    return response


@blueprint.get_response("/robots.txt", NoArguments, {"type": "string"}, media_type="text/plain")
def read_robots(arguments: Arguments) -> Response:
    """Rules for crawlers

    Crawlers may read story pages and feeds, but not searches, which have no end.
    """
    site = find_site()
    lines = ["User-agent: *", "Allow: /v1/feeds/", "Disallow: /v1/", "Disallow: /1/", "Disallow: /search"]
    response = Response("\n".join([*lines, "", f"Sitemap: {site.base}/sitemap.xml", ""]), mimetype="text/plain")
    response.headers["Cache-Control"] = site.limit("public, max-age=86400")
    return response


def _write_index(generation: OpenGeneration, site: Site) -> str:
    """The sitemap index: each sitemap with the time of its last change."""
    counts = count_facet(generation, SearchQuery(facets=_ALL_MONTHS, limit=0))
    months = [(value.value, value.count) for value in counts.values]
    if counts.missing:
        months.append((_UNDATED, counts.missing))
    writer = _Writer("sitemapindex")
    writer.add("sitemap", loc=f"{site.base}/sitemaps/news.xml")
    for month, count in months:
        query = _find_query(generation, month)
        [hit] = generation.engine.search_stories(msgspec.structs.replace(query, limit=1)).hits
        [last] = iter_stories(generation, [hit.id])
        for number in range(1, -(-count // MAX_URLS) + 1):
            writer.add("sitemap", loc=f"{site.base}/sitemaps/{month}-{number}.xml", lastmod=_find_change(last))
    return writer.end()


def _find_query(generation: OpenGeneration, month: str) -> SearchQuery:
    """The stories of a month, the last updated first."""
    if month != _UNDATED:
        return SearchQuery(
            filters=Filters(values=(ValueFilter(facet="month", any_of=frozenset({month})),)), sort=Sort.UPDATED
        )
    all_months = frozenset(generation.engine.find_labels("month"))
    return SearchQuery(filters=Filters(values=(ValueFilter(facet="month", none_of=all_months),)), sort=Sort.UPDATED)


def _iter_month(loan: Loan, site: Site, month: str, number: int) -> Generator[bytes]:
    """Holds the generation until the last piece. Raises NotFound."""
    with loan as generation:
        query = msgspec.structs.replace(_find_query(generation, month), sort=Sort.OLDEST)
        lines = islice(export_stories(generation, query), (number - 1) * MAX_URLS, number * MAX_URLS)
        first = next(lines, None)
        if first is None:
            raise NotFound("sitemap", f"{month}-{number}.xml")
        yield from _write_urls(map(_story_decoder.decode, chain([first], lines)), site)


def _iter_news(loan: Loan, site: Site) -> Generator[bytes]:
    with loan as generation:
        recent = Filters(published_from=datetime.now(UTC) - _NEWS_AGE)
        hits = generation.engine.search_stories(SearchQuery(filters=recent, limit=_MAX_NEWS)).hits
        yield from _write_urls(iter_stories(generation, [hit.id for hit in hits]), site, news=True)


def _write_urls(stories: Iterable[Story], site: Site, *, news: bool = False) -> Iterator[bytes]:
    writer = _Writer("urlset", {"xmlns:news": _NEWS} if news else {})
    for story in stories:
        writer.start("url")
        writer.write(loc=f"{site.base}/s/{story.slug}-{story.id}", lastmod=_find_change(story))
        if news:
            _write_news(writer, story)
        writer.finish("url")
        if writer.size >= PIECE:
            yield writer.take().encode()
    yield writer.end().encode()


def _write_news(writer: _Writer, story: Story) -> None:
    writer.start("news:news")
    writer.start("news:publication")
    name = story.curated_by.strip() or GENERATOR
    writer.write(**{"news:name": name, "news:language": story.language.partition("-")[0].lower()})
    writer.finish("news:publication")
    published = format_time(story.published_at or None)
    writer.write(**{"news:publication_date": published, "news:title": story.title})
    writer.finish("news:news")


def _find_change(story: Story) -> str | None:
    return format_time(story.updated_at or story.published_at or None)


class _Writer:
    """A streaming XML writer on top of xml.sax.saxutils."""

    def __init__(self, root: str, namespaces: dict[str, str] | None = None) -> None:
        self._buffer = StringIO()
        self._xml = XMLGenerator(self._buffer, encoding="utf-8", short_empty_elements=True)
        self._root = root
        self._xml.startDocument()
        self._xml.startElement(root, AttributesImpl({"xmlns": _NAMESPACE, **(namespaces or {})}))

    @property
    def size(self) -> int:
        """Characters written since the last ``take``."""
        return self._buffer.tell()

    def start(self, name: str) -> None:
        self._xml.startElement(name, AttributesImpl({}))

    def finish(self, name: str) -> None:
        self._xml.endElement(name)

    def write(self, **texts: str | None) -> None:
        """Write an element for each text that is not None."""
        for name, text in texts.items():
            if text is not None:
                self.start(name)
                self._xml.characters(clean(text))
                self.finish(name)

    def add(self, name: str, **texts: str | None) -> None:
        """Write an element with one child element for each text."""
        self.start(name)
        self.write(**texts)
        self.finish(name)

    def take(self) -> str:
        """Return the text written since the last call, and forget it."""
        text = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        return text

    def end(self) -> str:
        self.finish(self._root)
        return self.take()
