"""Static files and templates, read once at start. The URL of a static file contains a hash of its content."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

_STATIC = Path(__file__).parent / "static"
_TEMPLATES = Path(__file__).parent / "templates"
_CONTENT_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class Asset(NamedTuple):
    body: bytes
    content_type: str


def _digest(*parts: bytes) -> str:
    return blake2b(b"\0".join(parts), digest_size=6).hexdigest()


def _read_assets() -> tuple[dict[str, str], dict[str, Asset]]:
    names, assets = {}, {}
    for path in sorted(_STATIC.iterdir()):
        body = path.read_bytes()
        names[path.name] = f"{path.stem}-{_digest(body)}{path.suffix}"
        assets[names[path.name]] = Asset(body, _CONTENT_TYPES[path.suffix])
    return names, assets


# ASSET_NAMES: file name -> hashed name in URLs. ASSETS: hashed name -> content. Requests never read from disk.
ASSET_NAMES, ASSETS = _read_assets()
TEMPLATES = {path.name: path.read_text(encoding="utf-8") for path in sorted(_TEMPLATES.iterdir())}
# Part of every page's ETag, because pages of an older release link to assets that no longer exist.
EDITION = _digest(*map(str.encode, TEMPLATES.values()), *map(str.encode, ASSETS))
