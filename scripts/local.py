"""The client without a server: requests go to the application in this process, over an index on this disk."""

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
from scripts.client import Client

_URL = "http://index.invalid"


class _Pieces(RawIOBase):
    """An answer's pieces as a file: an export is never in memory as a whole."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces, self._left = iter(pieces), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
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
        # requests asks for compression, and only what comes over a network is worth it.
        headers.pop("Accept-Encoding", None)
        answered = self._client.open(request.path_url, method=request.method, headers=headers)
        response = requests.Response()
        response.status_code = answered.status_code
        response.headers.update(answered.headers)
        response.raw = HTTPResponse(body=BufferedReader(_Pieces(answered.iter_encoded())), preload_content=False)
        if not stream:
            response._content = response.raw.read()
        response.request, response.url = request, request.url or ""
        return response

    def close(self) -> None:
        """Nothing is held."""


def make_local_client(settings: Settings) -> Client:
    """A client over the index of ``settings``. Raises IndexUnavailable, which says why, where the API says 503."""
    # Before create_app: what goes wrong is told on the terminal, and requests are not.
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    index = LiveIndex(settings.place)
    with index.borrow():
        pass
    index.close()
    client = Client(_URL)
    client.mount(WsgiAdapter(create_app(settings)))
    return client
