"""Limits on what slow clients may hold.

A request body that does not arrive, or a streamed answer that is not read, occupies a server thread for as long as the
client likes. Together they may occupy half of the threads of a process; the other half always serves requests that are
complete. Beyond that, requests are refused with 503 and Retry-After. How long a slot may be held is up to the server:
scripts/server.py closes connections that make no progress.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator

from flask import Response, current_app, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from api.errors import ServerBusy
from api.response.problems import describe_failure, make_busy_response

# Threads of each server process. A search holds the interpreter, so more threads do not answer more requests, but a
# short search need not wait for a long one.
THREADS = 4
MAX_BODY = 64 * 1024
MAX_SLOW_CLIENTS = THREADS // 2
# Files of /docs: read into memory, so that a slow reader of one occupies no thread. The largest has 1.5 MB.
MAX_BUFFERED = 4 * 1024 * 1024
_log = logging.getLogger("outpost.errors")


class SlowClients:
    """The slots of one process for request bodies and streamed answers. Thread-safe."""

    def __init__(self, slots: int = MAX_SLOW_CLIENTS) -> None:
        self._free = threading.BoundedSemaphore(slots)

    def acquire(self) -> Callable[[], None]:
        """Take a slot; the returned function gives it back, once, however often it is called.

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
    """The body of the current request, read in a slot. Raises ServerBusy, RequestEntityTooLarge, ClientDisconnected."""
    if not (request.content_length or "HTTP_TRANSFER_ENCODING" in request.environ):
        return b""
    slow_clients: SlowClients = current_app.extensions["outpost.slow_clients"]
    release = slow_clients.acquire()
    try:
        body = request.stream.read()
    finally:
        release()
    if len(body) > MAX_BODY:
        raise RequestEntityTooLarge(f"a body may have {MAX_BODY} bytes")
    return body


def limit_stream(response: Response) -> Response:
    """The same answer with a slot until its end, or 503; one of known, small size is read into memory instead."""
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
    """The pieces; if they fail on the way, the error is logged and NDJSON ends in a problem object.

    A WSGI server cannot be told to break a connection off: without that last line, an answer that failed would look
    like one that is complete. XML that failed lacks its end tag.
    """
    try:
        yield from pieces
    except Exception as error:
        _log.error("request %s: the answer broke off", request_id, exc_info=error)
        if is_ndjson:
            yield describe_failure(error, request_id) + b"\n"
    finally:
        release()
