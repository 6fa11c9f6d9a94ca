"""Where a cluster is and who asks there. Knows no client, so that settings can be read without one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

_URL = re.compile(r"opensearch(?P<tls>\+https)?://(?P<hosts>[^/@\s]+)/(?P<name>[a-z0-9][a-z0-9_-]{0,99})")
_HOST = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
ALLOWED = "opensearch://host:9200/name or opensearch+https://host:9200,host:9200/name"
_PORT = 9200


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """The hosts of one cluster, and the alias that the current generation is found under.

    ``scratch`` is a directory of this machine for what a build keeps while it runs, and for refused lines. ``str`` and
    ``repr`` show no secret.
    """

    hosts: tuple[tuple[str, int], ...]
    alias: str
    tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    ca: str = ""
    scratch: Path = Path("var/index")

    def __str__(self) -> str:
        hosts = ",".join(f"{host}:{port}" for host, port in self.hosts)
        return f"opensearch{'+https' if self.tls else ''}://{hosts}/{self.alias}"


def read_address(
    url: str, *, user: str = "", password: str = "", token: str = "", ca: str = "", scratch: Path = Path("var/index")
) -> ClusterAddress | None:
    """None for what is no address of a cluster; ``ALLOWED`` says what is. A user or password within it is none."""
    match = _URL.fullmatch(url)
    if match is None:
        return None
    hosts = []
    for given in match["hosts"].split(","):
        host = _HOST.fullmatch(given)
        if host is None or not 1 <= int(host["port"] or _PORT) <= 65535:
            return None
        hosts.append((host["host"], int(host["port"] or _PORT)))
    return ClusterAddress(tuple(hosts), match["name"], match["tls"] is not None, user, password, token, ca, scratch)
