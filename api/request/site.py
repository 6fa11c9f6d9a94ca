"""The base URL of this site, for links in answers."""

from __future__ import annotations

import re
from typing import NamedTuple

from flask import current_app, request
from werkzeug.exceptions import BadRequest

from api.settings import Settings

_HOST = re.compile(r"([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


def base_url() -> str:
    """OUTPOST_PUBLIC_URL, or "". Never the Host header, which clients can forge."""
    settings: Settings = current_app.extensions["outpost.settings"]
    return settings.public_url


class Site(NamedTuple):
    """``base`` is the start of absolute URLs, as in feeds: scheme and host. ``is_from_host``: it comes from the Host
    header, which clients can forge, so shared caches must not store the answer."""

    base: str
    is_from_host: bool

    def limit(self, cache_control: str) -> str:
        """The Cache-Control for an answer with absolute URLs."""
        return cache_control.replace("public", "private") if self.is_from_host else cache_control


def find_site() -> Site:
    """The site by OUTPOST_PUBLIC_URL, else by the Host header. X-Forwarded-Host is ignored.

    Raises BadRequest if Host is not a host name or IP address, with or without a port.
    """
    if base := base_url():
        return Site(base, is_from_host=False)
    host = request.host
    if not _HOST.fullmatch(host):
        raise BadRequest("the Host header must be the name or address of this server")
    return Site(f"{request.scheme}://{host}", is_from_host=True)
