"""Limits the number of threads that slow clients occupy.

A client that sends its request body slowly, or reads a streamed answer slowly, occupies a server thread for that time.
Such clients may occupy half of the threads of a process; the other half stays free for all other requests. Beyond that,
they get 503 with Retry-After. scripts/server.py limits the time: it closes connections that make no progress.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator

from flask import Response, current_app, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from api.errors import ServerBusy
from api.response.problems import describe_failure, make_busy_response

# Threads of each server process. A search holds the GIL, so more threads do not answer more requests; but with several,
# a short search does not wait for a long one.
THREADS = 4
MAX_BODY = 64 * 1024
MAX_SLOW_CLIENTS = THREADS // 2
# Bytes. Responses of known size up to this one (files of /docs, at most 1.5 MB) are read into memory, so that slow
# readers occupy no thread.
MAX_BUFFERED = 4 * 1024 * 1024
_log = logging.getLogger("outpost.errors")


class SlowClients:
    """The slots of one process for request bodies and streamed answers. Thread-safe."""

    def __init__(self, slots: int = MAX_SLOW_CLIENTS) -> None:
        self._free = threading.BoundedSemaphore(slots)

    def acquire(self) -> Callable[[], None]:
        """Take a slot. Returns a function that releases it; only the first call has an effect.

        Raises ServerBusy if none is free.
        """
        if not self._free.acquire(blocking=False):
            raise ServerBusy
        once = threading.Lock()

        def release() -> None:
            if once.acquire(blocking=False):
                self._free.release()

        return release


def read_request_body() -> bytes:
    """The body of the current request; takes a slot while reading.

    Raises ServerBusy, RequestEntityTooLarge, ClientDisconnected.
    """
    if not (request.content_length or "HTTP_TRANSFER_ENCODING" in request.environ):
        return b""
    slow_clients: SlowClients = current_app.extensions["outpost.slow_clients"]
    release = slow_clients.acquire()
    try:
        body = request.stream.read()
    finally:
        release()
    if len(body) > MAX_BODY:
        raise RequestEntityTooLarge(f"the body may have at most {MAX_BODY} bytes")
    return body


def limit_stream(response: Response) -> Response:
    """A streamed response takes a slot until its end, or becomes 503; a small one of known size is read into memory."""
    if not response.is_streamed:
        return response
    if response.content_length is not None and response.content_length <= MAX_BUFFERED:
        file = response.response
        response.direct_passthrough = False
        response.get_data()
        if hasattr(file, "close"):
            file.close()
        return response
    if request.method == "HEAD":
        return response
    slow_clients: SlowClients = current_app.extensions["outpost.slow_clients"]
    try:
        release = slow_clients.acquire()
    except ServerBusy as error:
        response.close()
        return make_busy_response(error)
    response.call_on_close(release)
    is_ndjson = response.mimetype == "application/x-ndjson"
    response.response = _iter_to_end(response.iter_encoded(), release, g.request_id, is_ndjson=is_ndjson)
    return response


def _iter_to_end(
    pieces: Iterable[bytes], release: Callable[[], None], request_id: str, *, is_ndjson: bool
) -> Iterator[bytes]:
    """Yield the pieces. An error is logged, and ends NDJSON with a problem object.

    WSGI cannot abort a connection: without that last line, a client would take the partial answer for a complete one.
    Partial XML lacks its end tag.
    """
    try:
        yield from pieces
    except Exception as error:
        _log.error("request %s: the answer was cut off by an error", request_id, exc_info=error)
        if is_ndjson:
            yield describe_failure(error, request_id) + b"\n"
    finally:
        release()
