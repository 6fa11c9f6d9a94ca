"""GET requests, their retries, and the translation of failures to the client's exceptions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.util.retry import Retry

from outpost_client.errors import ApiError, ConnectionFailed, NotFoundError

# A server that fails during an export ends it with a problem document in place of a story.
_PROBLEM_LINE = b'{"type":"/problems/'
_CHUNK_BYTES = 1 << 16


class Transport:
    """Sends GET requests to one server."""

    def __init__(self, url: str, timeout: float) -> None:
        """``timeout`` in seconds limits connecting, and each wait for more bytes."""
        self.url = url.rstrip("/")
        self.timeout = timeout
        self._session = requests.Session()
        # Status 503 means "try again later": up to two more attempts, each after the seconds of Retry-After.
        retry = Retry(
            total=None, connect=0, read=False, redirect=0, other=0, status=2, status_forcelist=[503],
            backoff_factor=0.5, raise_on_status=False,
        )  # fmt: skip
        self.mount(HTTPAdapter(max_retries=retry))

    def mount(self, adapter: BaseAdapter) -> None:
        """Send the requests through ``adapter``."""
        self._session.mount(self.url, adapter)

    def close(self) -> None:
        self._session.close()

    def get_json(self, path: str, parameters: Mapping[str, object]) -> dict[str, Any]:
        """The JSON object of an answer. Raises ApiError and ConnectionFailed."""
        response = self._send(path, parameters)
        try:
            body = response.json()
        except requests.exceptions.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise ConnectionFailed(self.url, "the answer is not a JSON object; is this an Outpost server?")
        return body

    def get_json_list(self, path: str, parameters: Mapping[str, object]) -> list[Any]:
        """The JSON array of an answer. Raises ApiError and ConnectionFailed."""
        try:
            body = self._send(path, parameters).json()
        except requests.exceptions.JSONDecodeError:
            raise ConnectionFailed(self.url, "the answer is not JSON; is this an Outpost server?") from None
        if not isinstance(body, list):
            raise ConnectionFailed(self.url, "the answer is not a JSON array; is this an Outpost server?")
        return body

    def get_text(self, path: str, parameters: Mapping[str, object]) -> str:
        """The text of an answer, which the API encodes as UTF-8. Raises ApiError and ConnectionFailed."""
        return self._send(path, parameters).content.decode("utf-8", "replace")

    def iter_lines(self, path: str, parameters: Mapping[str, object]) -> Iterator[bytes]:
        """The lines of a streamed answer, each with its line break. Raises ApiError and ConnectionFailed."""
        with self._send(path, parameters, stream=True) as response, self._translate_errors():
            for line in response.iter_lines(chunk_size=_CHUNK_BYTES, delimiter=b"\n"):
                if line.startswith(_PROBLEM_LINE):
                    problem = json.loads(line)
                    raise ApiError(problem["status"], problem)
                if line:
                    yield line + b"\n"

    def _send(self, path: str, parameters: Mapping[str, object], *, stream: bool = False) -> requests.Response:
        """An answer with status 200."""
        query = {name.rstrip("_"): _format_value(value) for name, value in parameters.items() if value is not None}
        with self._translate_errors():
            response = self._session.get(
                self.url + path, params=query, timeout=self.timeout, allow_redirects=False, stream=stream
            )
            if response.status_code != 200:
                with response:
                    raise _make_error(response)
        return response

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Raise ConnectionFailed in place of the exceptions of requests."""
        try:
            yield
        except requests.exceptions.Timeout:
            raise ConnectionFailed(self.url, f"nothing arrived within {self.timeout:g} seconds") from None
        except (requests.exceptions.ConnectionError, requests.exceptions.RetryError) as error:
            reason = "nothing listens at this address" if "refused" in str(error) else "the connection failed"
            raise ConnectionFailed(self.url, reason) from error
        except requests.exceptions.RequestException as error:
            raise ConnectionFailed(self.url, str(error)) from error


def _make_error(response: requests.Response) -> ApiError:
    try:
        body = response.json()
    except requests.exceptions.JSONDecodeError:
        body = {}
    kind = NotFoundError if response.status_code in (404, 410) else ApiError
    return kind(response.status_code, body if isinstance(body, dict) else {})


def _format_value(value: object) -> str:
    """A parameter as the API reads it: ``true``, and comma-separated lists."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
