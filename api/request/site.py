"""The address of this site, which stands before the paths of links."""

from __future__ import annotations

import re
from typing import NamedTuple

from flask import current_app, request
from werkzeug.exceptions import BadRequest

from api.settings import Settings

_HOST = re.compile(r"([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


def base_url() -> str:
    """What stands before the paths of links: OUTPOST_PUBLIC_URL. Never the Host header, which anyone can send."""
    settings: Settings = current_app.extensions["outpost.settings"]
    return settings.public_url


class Site(NamedTuple):
    """``base`` stands before paths where an address has to be whole, as in a feed; ``asked`` where it is what the
    client called us: then caches that others share must not keep the answer, for anyone can send any Host."""

    base: str
    asked: bool

    def limit(self, cache_control: str) -> str:
        """A Cache-Control for an answer that has whole addresses in it."""
        return cache_control.replace("public", "private") if self.asked else cache_control


def find_site() -> Site:
    """By OUTPOST_PUBLIC_URL, else by the request's Host. X-Forwarded-Host is never looked at.

    Raises BadRequest where Host is neither a name nor an address, with or without a port.
    """
    if base := base_url():
        return Site(base, asked=False)
    host = request.host
    if not _HOST.fullmatch(host):
        raise BadRequest("Host has to be the name or address of this server")
    return Site(f"{request.scheme}://{host}", asked=True)
