"""How many requests a client may send: OUTPOST_RATE_LIMIT."""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from flask import Flask, request

from api.errors import RateLimited
from api.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# What asks for these watches the server, and is to see that it is up whoever else asks how much.
UNLIMITED = frozenset({"/healthz", "/readyz", "/metrics"})
# About 14 MB. Of more clients those not seen for longest are forgotten, and have all that they may again.
MAX_CLIENTS = 50_000
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_NANO = 1_000_000_000
# No address is as long; what a proxy passes on may be any text.
_MAX_ADDRESS = 64
# "[2001:db8::1]:443", "[2001:db8::1]", "192.0.2.1:443": some proxies add the port of the connection.
_BRACKETED = re.compile(r"\[([^\]]*)\](?::[0-9]{1,5})?")
_WITH_PORT = re.compile(r"([^:]*):[0-9]{1,5}")


class RateLimiter:
    """Lets each client send ``requests`` in ``seconds``: as many at once, then one by one as time goes by.

    Of a client one number is kept, the time at which it will have all its requests again. Shared by the threads of a
    process; each process counts for itself. ``now`` gives nanoseconds.
    """

    def __init__(self, requests: int, seconds: int, now: Callable[[], int] = time.monotonic_ns) -> None:
        self._span, self._each = seconds * _NANO, seconds * _NANO // requests
        self._now = now
        self._whole_at: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, client: str) -> float:
        """Seconds until the client may ask again; 0 where it may now, which counts as asked."""
        with self._lock:
            now = self._now()
            whole = max(now, self._whole_at.get(client, 0)) + self._each
            wait = whole - self._span - now
            if wait <= 0:
                self._whole_at[client] = whole
                if len(self._whole_at) > MAX_CLIENTS:
                    self._whole_at.popitem(last=False)
            if client in self._whole_at:
                self._whole_at.move_to_end(client)
        return max(wait, 0) / _NANO


def register_rate_limit(app: Flask, settings: Settings) -> None:
    """Nothing where no limit is set. Before every view: raises RateLimited."""
    if not settings.rate_limit:
        return
    requests, _, unit = settings.rate_limit.partition("/")
    limiter = RateLimiter(int(requests), _SECONDS[unit])

    def limit() -> None:
        if request.path not in UNLIMITED and (wait := limiter.take(find_client(request.environ, settings.proxies))):
            raise RateLimited(settings.rate_limit, wait)

    app.before_request(limit)


def find_client(environ: WSGIEnvironment, proxies: int) -> str:
    """The client that a request counts for: the address of the connection, or what the outermost of our own ``proxies``
    saw.

    Each proxy adds the address of its client to the end of X-Forwarded-For; anyone can send what stands before those of
    our proxies. The port does not count. Of an IPv6 address the network of 64 bits counts: a client has 2**64 addresses
    of one.
    """
    address = environ.get("REMOTE_ADDR", "")
    if proxies:
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").rsplit(",", proxies)
        if len(forwarded) >= proxies:
            address = forwarded[-proxies].strip() or address
    return _normalize_address(address[:_MAX_ADDRESS])


def _normalize_address(address: str) -> str:
    """One text for all spellings of a client's address; a text that is no address stays as it is."""
    host = address
    if match := _BRACKETED.fullmatch(address) or _WITH_PORT.fullmatch(address):
        host = match[1]
    try:
        parsed = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or parsed.packed[:8].hex())
    return str(parsed)
