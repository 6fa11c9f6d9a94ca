"""Limits the requests of each client: OUTPOST_RATE_LIMIT.

The library "limits" takes 6 to 12 µs for an allowed request and up to 23 for a refused one; this module takes 2. It
stays because the library keeps all clients of a period in memory (66 MB for 200,000 clients in each process), where
this module keeps at most 14 MB, and because the library has no limit that refills continuously.
"""

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

# Paths for monitoring, which must work however many requests a client sends.
UNLIMITED = frozenset({"/healthz", "/readyz", "/metrics"})
# Takes about 14 MB. Beyond that, the clients that were idle for longest are forgotten and start with a full allowance.
MAX_CLIENTS = 50_000
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_NANO = 1_000_000_000
# Characters; addresses are shorter, but X-Forwarded-For may have any text.
_MAX_ADDRESS = 64
# Some proxies add the port: "[2001:db8::1]:443", "[2001:db8::1]", "192.0.2.1:443".
_BRACKETED = re.compile(r"\[([^\]]*)\](?::[0-9]{1,5})?")
_WITH_PORT = re.compile(r"([^:]*):[0-9]{1,5}")


class RateLimiter:
    """Token bucket for each client: ``requests`` at once, refilled evenly over ``seconds`` (GCRA).

    Stores one number for each client: the time at which its bucket is full again. Thread-safe; each process has its
    own. ``now`` returns nanoseconds.
    """

    def __init__(self, requests: int, seconds: int, now: Callable[[], int] = time.monotonic_ns) -> None:
        self._period, self._interval = seconds * _NANO, seconds * _NANO // requests
        self._now = now
        self._full_at: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, client: str) -> float:
        """Count a request if it is allowed and return 0; else return the seconds until one is allowed."""
        with self._lock:
            now = self._now()
            full_at = max(now, self._full_at.get(client, 0)) + self._interval
            wait = full_at - self._period - now
            if wait <= 0:
                self._full_at[client] = full_at
                if len(self._full_at) > MAX_CLIENTS:
                    self._full_at.popitem(last=False)
            if client in self._full_at:
                self._full_at.move_to_end(client)
        return max(wait, 0) / _NANO


def register_rate_limit(app: Flask, settings: Settings) -> None:
    """Check the limit before every view, which raises RateLimited. Does nothing if no limit is set."""
    if not settings.rate_limit:
        return
    requests, _, unit = settings.rate_limit.partition("/")
    limiter = RateLimiter(int(requests), _SECONDS[unit])

    def limit() -> None:
        if request.path not in UNLIMITED and (wait := limiter.take(find_client(request.environ, settings.proxies))):
            raise RateLimited(settings.rate_limit, wait)

    app.before_request(limit)


def find_client(environ: WSGIEnvironment, proxies: int) -> str:
    """The client of a request: the address of the connection, or the one that the outermost of our ``proxies`` saw.

    Each proxy appends the address of its client to X-Forwarded-For; entries before those of our proxies can be forged.
    Ports are dropped. An IPv6 address is reduced to its /64 network, as a client usually owns a whole one.
    """
    address = environ.get("REMOTE_ADDR", "")
    if proxies:
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").rsplit(",", proxies)
        if len(forwarded) >= proxies:
            address = forwarded[-proxies].strip() or address
    return _normalize_address(address[:_MAX_ADDRESS])


def _normalize_address(address: str) -> str:
    """The canonical form of an address; a text that is not an address stays as it is."""
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
