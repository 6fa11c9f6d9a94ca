"""A client without a server: its requests call the web application in this process."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from io import BufferedReader, RawIOBase
from typing import Any

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse
from werkzeug.test import Client as WsgiClient

from api.app import create_app
from api.settings import Settings
from index.live import LiveIndex
from outpost_client import Client

_URL = "http://index.invalid"


class _ChunkReader(RawIOBase):
    """The chunks of a response as a file, so that an export is never in memory as a whole."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self._chunk = iter(chunks), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._chunk:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._chunk = chunk
        size = min(len(buffer), len(self._chunk))
        buffer[:size], self._chunk = self._chunk[:size], self._chunk[size:]
        return size


class WsgiAdapter(BaseAdapter):
    """Answers requests by calling a WSGI application."""

    def __init__(self, application: Any) -> None:
        super().__init__()
        self._client = WsgiClient(application)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        headers = dict(request.headers)
        # requests asks for compression, which is a waste inside one process.
        headers.pop("Accept-Encoding", None)
        answer = self._client.open(request.path_url, method=request.method, headers=headers)
        response = requests.Response()
        response.status_code = answer.status_code
        response.headers.update(answer.headers)
        response.raw = HTTPResponse(body=BufferedReader(_ChunkReader(answer.iter_encoded())), preload_content=False)
        if not stream:
            response._content = response.raw.read()
        response.request, response.url = request, request.url or ""
        return response

    def close(self) -> None:
        """Nothing to close."""


def make_local_client(settings: Settings) -> Client:
    """A client of the index in ``settings``.

    Raises IndexUnavailable if the index cannot be searched; its message says why, as the API's status 503 does not.
    """
    # Before create_app, which logs requests: the terminal shows warnings and errors only.
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    index = LiveIndex(settings.place)
    with index.borrow():
        pass
    index.close()
    client = Client(_URL)
    client.mount(WsgiAdapter(create_app(settings)))
    return client
