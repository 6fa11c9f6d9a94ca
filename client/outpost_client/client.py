"""The client: one method for each endpoint of the API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Literal, Self, Unpack, cast
from urllib.parse import quote

from requests.adapters import BaseAdapter

from outpost_client.answers import (
    EmbedDict,
    FacetValueDict,
    HealthDict,
    ProblemDict,
    PublisherDict,
    RelatedStoryDict,
    SearchHitDict,
    SearchPageDict,
    SourceDict,
    SourceHitDict,
    StatusDict,
    StoryDict,
    StorySourceDict,
    StorySummaryDict,
    SuggestionDict,
    TimelineDict,
)
from outpost_client.parameters import (
    ExportParameters,
    FacetParameters,
    FeedParameters,
    SearchPageParameters,
    SearchParameters,
    SourceParameters,
    StoryListParameters,
    TimelineParameters,
    Values,
)
from outpost_client.transport import Transport

_PER_PAGE = 100


class Client:
    """A client of one server.

    Every method raises ApiError if the API answers with an error (NotFoundError for 404 and 410), and
    ConnectionFailed if no usable answer comes. Iterators request the next page when they need it, so that they may
    raise later too: with the code ``stale_cursor`` if the index changes in between.

    Threads may share a client as far as they may share a requests.Session.
    """

    def __init__(self, url: str = "http://127.0.0.1:8000", *, timeout: float = 10.0) -> None:
        """``timeout`` in seconds limits connecting, and each wait for more bytes."""
        self._transport = Transport(url, timeout)

    @property
    def url(self) -> str:
        """The address of the server, without a slash at the end."""
        return self._transport.url

    def mount(self, adapter: BaseAdapter) -> None:
        """Send the requests through ``adapter``, a transport adapter of requests."""
        self._transport.mount(adapter)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # --- stories -------------------------------------------------------------------------------------------------

    def search(
        self, q: str = "", *, limit: int | None = None, **parameters: Unpack[SearchParameters]
    ) -> Iterator[SearchHitDict]:
        """The hits of a search for stories: all of them, or the first ``limit``."""
        return self._iter_results("/v1/search", {"q": q, **parameters}, limit)

    def search_page(self, q: str = "", **parameters: Unpack[SearchPageParameters]) -> SearchPageDict:
        """One page of a search for stories, with its total and facets."""
        return cast(SearchPageDict, self._transport.get_json("/v1/search", {"q": q, **parameters}))

    def suggest(self, q: str = "", limit: int = 10) -> list[SuggestionDict]:
        """Completions of the text in a search box: queries, topics, publishers and stories."""
        body = self._transport.get_json("/v1/suggest", {"q": q, "limit": limit})
        return cast(list[SuggestionDict], body["suggestions"])

    def stories(
        self, *, limit: int | None = None, **parameters: Unpack[StoryListParameters]
    ) -> Iterator[StorySummaryDict]:
        """Stories, newest first: all of them, or the first ``limit``."""
        return self._iter_results("/v1/stories", parameters, limit)

    def story(self, story_id: str, *, include: Values = None, fields: Values = None) -> StoryDict:
        """One story. ``include`` selects ``sections``, ``sources`` and ``related`` (default: the first two)."""
        parameters = {"include": include, "fields": fields}
        return cast(StoryDict, self._transport.get_json(f"/v1/stories/{_quote(story_id)}", parameters))

    def related(self, story_id: str, limit: int = 5) -> list[RelatedStoryDict]:
        """Stories to read after this one, best first."""
        body = self._transport.get_json(f"/v1/stories/{_quote(story_id)}/related", {"limit": limit})
        return cast(list[RelatedStoryDict], body["results"])

    def story_sources(self, story_id: str) -> list[StorySourceDict]:
        """The sources of a story, by their number."""
        body = self._transport.get_json(f"/v1/stories/{_quote(story_id)}/sources", {})
        return cast(list[StorySourceDict], body["results"])

    def story_jsonld(self, story_id: str) -> dict[str, Any]:
        """A story as a NewsArticle of schema.org."""
        return self._transport.get_json(f"/v1/stories/{_quote(story_id)}.jsonld", {})

    def lookup(self, url: str, *, limit: int | None = None, fields: Values = None) -> Iterator[StorySummaryDict]:
        """The stories that cite the article at ``url``, newest first."""
        return self._iter_results("/v1/lookup", {"url": url, "fields": fields}, limit)

    def export(self, q: str = "", **parameters: Unpack[ExportParameters]) -> Iterator[bytes]:
        """The stories of a search in the input format: lines of JSON, each with its line break.

        Raises ApiError after some lines if the server fails on the way.
        """
        return self._transport.iter_lines("/v1/export/stories.ndjson", {"q": q, **parameters})

    # --- sources and publishers ----------------------------------------------------------------------------------

    def sources(
        self, q: str = "", *, limit: int | None = None, **parameters: Unpack[SourceParameters]
    ) -> Iterator[SourceHitDict]:
        """The hits of a search for sources: all of them, or the first ``limit``."""
        return self._iter_results("/v1/sources", {"q": q, **parameters}, limit)

    def source(self, source_id: str) -> SourceDict:
        """One source, with the ids of the stories that cite it."""
        return cast(SourceDict, self._transport.get_json(f"/v1/sources/{_quote(source_id)}", {}))

    def publishers(
        self, q: str = "", *, limit: int | None = None, sort: Literal["stories", "name"] | None = None
    ) -> Iterator[PublisherDict]:
        """Publishers with words in name or domain that start with the words of ``q``; by default most stories first."""
        return self._iter_results("/v1/publishers", {"q": q, "sort": sort}, limit)

    def publisher(self, publisher_id: str) -> PublisherDict:
        """One publisher."""
        return cast(PublisherDict, self._transport.get_json(f"/v1/publishers/{_quote(publisher_id)}", {}))

    # --- counts --------------------------------------------------------------------------------------------------

    def facet_values(self, facet: str, q: str = "", **parameters: Unpack[FacetParameters]) -> list[FacetValueDict]:
        """The values of a facet with words that start with the words of ``q``, and their counts.

        ``facet`` is topic, publisher, curator, language, domain, year or month.
        """
        body = self._transport.get_json(f"/v1/facets/{_quote(facet)}", {"q": q, **parameters})
        return cast(list[FacetValueDict], body["values"])

    def timeline(self, q: str = "", **parameters: Unpack[TimelineParameters]) -> TimelineDict:
        """How many stories of a search were published in each interval."""
        return cast(TimelineDict, self._transport.get_json("/v1/stats/timeline", {"q": q, **parameters}))

    # --- feeds, embedding, crawlers, browsers --------------------------------------------------------------------

    def feed(self, format: Literal["atom", "rss", "json"], q: str = "", **parameters: Unpack[FeedParameters]) -> str:
        """A page of a search as the text of a feed: Atom 1.0, RSS 2.0 or JSON Feed 1.1."""
        return self._transport.get_text(f"/v1/feeds/search.{_quote(format)}", {"q": q, **parameters})

    def oembed(self, url: str, *, maxwidth: int | None = None, maxheight: int | None = None) -> EmbedDict:
        """The HTML that shows a story on another site (oEmbed). ``url`` is the story's ``share_url`` or its path."""
        parameters = {"url": url, "maxwidth": maxwidth, "maxheight": maxheight}
        return cast(EmbedDict, self._transport.get_json("/oembed", parameters))

    def sitemap(self, name: str = "") -> str:
        """The XML of the index of sitemaps, or of the sitemap that it names, such as ``2025-01-1.xml``."""
        return self._transport.get_text(f"/sitemaps/{_quote(name)}" if name else "/sitemap.xml", {})

    def robots(self) -> str:
        """The text of robots.txt."""
        return self._transport.get_text("/robots.txt", {})

    def search_description(self) -> str:
        """The OpenSearch description, XML by which a browser adds the site as a search engine."""
        return self._transport.get_text("/opensearch.xml", {})

    def browser_suggestions(self, q: str = "", limit: int = 10) -> list[Any]:
        """Completions as a browser's address bar reads them: the text, then lists of completions."""
        return self._transport.get_json_list("/opensearch/suggestions", {"q": q, "limit": limit})

    # --- the server ----------------------------------------------------------------------------------------------

    def status(self) -> StatusDict:
        """The version of the server, and the size and age of its index."""
        return cast(StatusDict, self._transport.get_json("/status", {}))

    def health(self) -> HealthDict:
        """``{"status": "ok"}`` while the server runs."""
        return cast(HealthDict, self._transport.get_json("/healthz", {}))

    def readiness(self) -> HealthDict:
        """``{"status": "ready"}`` if the server can search an index. Raises ApiError with status 503 if not."""
        return cast(HealthDict, self._transport.get_json("/readyz", {}))

    def metrics(self) -> str:
        """The metrics of the server in the text format of Prometheus."""
        return self._transport.get_text("/metrics", {})

    def problem(self, code: str) -> ProblemDict:
        """The meaning of an error code, such as ``stale-cursor``."""
        return cast(ProblemDict, self._transport.get_json(f"/problems/{_quote(code)}", {}))

    def _iter_results(self, path: str, parameters: Mapping[str, object], limit: int | None) -> Iterator[Any]:
        """The results of a list, page after page."""
        remaining, cursor = limit, None
        while remaining is None or remaining > 0:
            per_page = _PER_PAGE if limit is None else min(limit, _PER_PAGE)
            body = self._transport.get_json(path, {**parameters, "per_page": per_page, "cursor": cursor})
            results = body["results"] if remaining is None else body["results"][:remaining]
            yield from results
            if remaining is not None:
                remaining -= len(results)
            cursor = body["next_cursor"]
            if cursor is None:
                return


def _quote(text: str) -> str:
    """``text`` as one segment of a path."""
    return quote(text, safe="")
