"""A client of the API for scripts:

client = Client("http://127.0.0.1:8000")
for story in client.search("open source", topic="ai"):
    print(story["title"])
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import quote

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.util.retry import Retry

Json = dict[str, Any]
_PER_PAGE = 100
# How the last line of an export begins that the server could not finish.
_PROBLEM_LINE = b'{"type":"/problems/'


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

        ``parameters`` are those of /v1/search; ``from_`` stands for ``from``. Raises Problem for a bad parameter, and
        when the index changes on the way (``code`` "stale_cursor"); NoServer.
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

    def suggest(self, q: str = "", limit: int = 10) -> list[Json]:
        """What typing ``q`` may be completed to: queries, topics, publishers, stories."""
        return cast("list[Json]", self._get("/v1/suggest", {"q": q, "limit": limit})["suggestions"])

    def search_page(self, q: str = "", **parameters: object) -> Json:
        """One page of a search as the API answers it, with total and facets."""
        return self._get("/v1/search", {"q": q, **parameters})

    def facet_values(self, facet: str, q: str = "", **parameters: object) -> list[Json]:
        """The values of a facet with words that begin so, as a search (``search`` its text) counts them."""
        return cast("list[Json]", self._get(f"/v1/facets/{_quote(facet)}", {"q": q, **parameters})["values"])

    def timeline(self, q: str = "", **parameters: object) -> Json:
        """How many of a search's stories were published when."""
        return self._get("/v1/stats/timeline", {"q": q, **parameters})

    def lookup(self, url: str, *, limit: int | None = None) -> Iterator[Json]:
        """The stories that cite the article of this URL, newest first."""
        return self._iter_hits("/v1/lookup", {"url": url}, limit)

    def export(self, q: str = "", **parameters: object) -> Iterator[bytes]:
        """All stories of a search in the form of the input, line by line, each with its line break.

        Raises Problem, also after some lines if the server could not go on.
        """
        response = self._send("/v1/export/stories.ndjson", {"q": q, **parameters}, stream=True)
        if response.status_code != 200:
            _read_body(response)
        with response:
            for line in response.iter_lines(chunk_size=1 << 16, delimiter=b"\n"):
                if line.startswith(_PROBLEM_LINE):
                    body = json.loads(line)
                    raise Problem(body["status"], body)
                if line:
                    yield line + b"\n"

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
        read, cursor = 0, None
        while limit is None or read < limit:
            answer = self._get(path, {**parameters, "per_page": per_page, "cursor": cursor})
            for hit in answer["results"][: None if limit is None else limit - read]:
                read += 1
                yield hit
            cursor = answer["next_cursor"]
            if cursor is None:
                return

    def _get(self, path: str, parameters: Json) -> Json:
        try:
            return _read_body(self._send(path, parameters))
        except requests.exceptions.JSONDecodeError:
            raise NoServer(self.url, "what answers there speaks no JSON") from None

    def _send(self, path: str, parameters: Json, *, stream: bool = False) -> requests.Response:
        given = {name.rstrip("_"): _to_text(value) for name, value in parameters.items() if value is not None}
        try:
            return self._session.get(
                self.url + path, params=given, timeout=self.timeout, allow_redirects=False, stream=stream
            )
        except requests.exceptions.Timeout:
            raise NoServer(self.url, f"nothing came within {self.timeout:g} seconds") from None
        except (requests.exceptions.ConnectionError, requests.exceptions.RetryError) as error:
            reason = "nobody listens there" if "refused" in str(error) else "the connection failed"
            raise NoServer(self.url, reason) from error
        except requests.exceptions.RequestException as error:
            raise NoServer(self.url, str(error)) from error


def _read_body(response: requests.Response) -> Json:
    """The object that answers. Raises Missing and Problem for any other status."""
    body = response.json()
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
