"""A client of the API for scripts:

client = Client("http://127.0.0.1:8000")
for story in client.search("open source", topic="ai"):
    print(story["title"])
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import quote

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.util.retry import Retry

Json = dict[str, Any]
# The API's page × per_page goes no further.
MAX_HITS = 10_000
_PER_PAGE = 100


class ClientError(Exception):
    """The root of what the client raises."""


class NoServer(ClientError):
    """Nobody answers at the URL, or not in time, or what answers is no Outpost."""

    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"no answer from {url}: {reason}")


class Problem(ClientError):
    """The API refused: ``status``, ``code``, ``detail`` and the whole ``body`` as in docs/api.md."""

    def __init__(self, status: int, body: Json) -> None:
        self.status, self.body = status, body
        self.code: str = body.get("code", "")
        self.detail: str = body.get("detail", "")
        super().__init__(self.detail or f"status {status}")


class Missing(Problem):
    """404 or 410: there is no such story, source or publisher (any more); ``near`` are ids that look alike."""

    @property
    def near(self) -> list[str]:
        return list(self.body.get("near", []))


class TooManyHits(ClientError):
    """A search has more hits than can be paged through; raised after the last one that can."""

    def __init__(self, total: int) -> None:
        self.total = total
        super().__init__(f"{total} hits, of which {MAX_HITS} can be read; narrow the search, for example by time")


class Client:
    """One server. May be shared by threads as far as requests.Session may."""

    def __init__(self, url: str = "http://127.0.0.1:8000", *, timeout: float = 10.0) -> None:
        """``timeout`` in seconds, for connecting and for each wait for bytes."""
        self.url = url.rstrip("/")
        self.timeout = timeout
        self._session = requests.Session()
        # 503 says "try again later": twice more, after as long as Retry-After asks for.
        retry = Retry(total=None, connect=0, read=False, redirect=0, other=0, status=2, status_forcelist=[503],
                      backoff_factor=0.5, raise_on_status=False)  # fmt: skip
        self.mount(HTTPAdapter(max_retries=retry))

    def mount(self, adapter: BaseAdapter) -> None:
        """Send the requests another way."""
        self._session.mount(self.url, adapter)

    def search(self, q: str = "", *, limit: int | None = None, **parameters: object) -> Iterator[Json]:
        """All hits of a search over stories, page after page, or the first ``limit``.

        ``parameters`` are those of /v1/search; ``from_`` stands for ``from``. Raises TooManyHits after the
        last hit that can be paged to, Problem for a bad parameter, NoServer.
        """
        return self._iter_hits("/v1/search", {"q": q, **parameters}, limit)

    def sources(self, q: str = "", *, limit: int | None = None, **parameters: object) -> Iterator[Json]:
        """All hits of a search over the articles behind the stories, or the first ``limit``."""
        return self._iter_hits("/v1/sources", {"q": q, **parameters}, limit)

    def stories(self, *, limit: int | None = None, **parameters: object) -> Iterator[Json]:
        """The newest stories first."""
        return self._iter_hits("/v1/stories", parameters, limit)

    def publishers(self, q: str = "", *, limit: int | None = None, **parameters: object) -> Iterator[Json]:
        """Publishers by story count."""
        return self._iter_hits("/v1/publishers", {"q": q, **parameters}, limit)

    def search_page(self, q: str = "", **parameters: object) -> Json:
        """One page of a search as the API answers it, with total and facets."""
        return self._get("/v1/search", {"q": q, **parameters})

    def story(self, ident: str, **parameters: object) -> Json:
        """One story. Raises Missing."""
        return self._get(f"/v1/stories/{_quote(ident)}", parameters)

    def related(self, ident: str, limit: int = 5) -> list[Json]:
        """Stories to go on with. Raises Missing."""
        return cast("list[Json]", self._get(f"/v1/stories/{_quote(ident)}/related", {"limit": limit})["results"])

    def story_sources(self, ident: str) -> list[Json]:
        """The sources of a story. Raises Missing."""
        return cast("list[Json]", self._get(f"/v1/stories/{_quote(ident)}/sources", {})["results"])

    def status(self) -> Json:
        """What the server serves."""
        return self._get("/status", {})

    def _iter_hits(self, path: str, parameters: Json, limit: int | None) -> Iterator[Json]:
        per_page = min(limit or _PER_PAGE, _PER_PAGE)
        read, page = 0, 1
        while limit is None or read < limit:
            answer = self._get(path, {**parameters, "page": page, "per_page": per_page})
            for hit in answer["results"][: None if limit is None else limit - read]:
                read += 1
                yield hit
            if read >= answer["total"] or not answer["results"]:
                return
            page += 1
            if page * per_page > MAX_HITS and (limit is None or read < limit):
                raise TooManyHits(answer["total"])

    def _get(self, path: str, parameters: Json) -> Json:
        given = {name.rstrip("_"): _to_text(value) for name, value in parameters.items() if value is not None}
        try:
            response = self._session.get(self.url + path, params=given, timeout=self.timeout, allow_redirects=False)
            body = response.json()
        except requests.exceptions.JSONDecodeError:
            raise NoServer(self.url, "what answers there speaks no JSON") from None
        except requests.exceptions.Timeout:
            raise NoServer(self.url, f"nothing came within {self.timeout:g} seconds") from None
        except (requests.exceptions.ConnectionError, requests.exceptions.RetryError) as error:
            reason = "nobody listens there" if "refused" in str(error) else "the connection failed"
            raise NoServer(self.url, reason) from error
        except requests.exceptions.RequestException as error:
            raise NoServer(self.url, str(error)) from error
        if response.status_code == 200 and isinstance(body, dict):
            return body
        kind = Missing if response.status_code in (404, 410) else Problem
        raise kind(response.status_code, body if isinstance(body, dict) else {})


def _quote(ident: str) -> str:
    return quote(ident, safe="")


def _to_text(value: object) -> str:
    """True as the API has it; a list as its comma list."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
