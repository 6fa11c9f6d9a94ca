"""What pages are drawn with: read once, served at addresses that change with what is in them."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

_DIRECTORY = Path(__file__).parent / "static"
_TEMPLATES = Path(__file__).parent / "templates"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class Asset(NamedTuple):
    body: bytes
    content_type: str


def _digest(*parts: bytes) -> str:
    return blake2b(b"\0".join(parts), digest_size=6).hexdigest()


def _read_assets() -> tuple[dict[str, str], dict[str, Asset]]:
    names, assets = {}, {}
    for path in sorted(_DIRECTORY.iterdir()):
        body = path.read_bytes()
        names[path.name] = f"{path.stem}-{_digest(body)}{path.suffix}"
        assets[names[path.name]] = Asset(body, _TYPES[path.suffix])
    return names, assets


# File name to the name that it is served by, and that name to what is served: no request reaches the file system.
ASSET_NAMES, ASSETS = _read_assets()
TEMPLATES = {path.name: path.read_text(encoding="utf-8") for path in sorted(_TEMPLATES.iterdir())}
# Part of every page's ETag: a page of an older release asks for assets that are not there any more.
EDITION = _digest(*map(str.encode, TEMPLATES.values()), *map(str.encode, ASSETS))
