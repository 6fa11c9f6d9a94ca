"""Makes stories, input files and indexes for tests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from index.documents.story import Story
from index.files.manifest import MANIFEST, add_checksum
from index.indexer import build_index

SAMPLE = Path(__file__).parents[2] / "sample" / "stories.ndjson"


def make_story(ident: str = "1", **fields: Any) -> Story:
    """A valid story; ``fields`` are those of an input line, as JSON would have them."""
    return msgspec.convert({"id": ident, "title": f"Story {ident}", **fields}, Story)


def to_line(story: Story) -> bytes:
    return msgspec.json.encode(story) + b"\n"


def write_stories(path: Path, stories: Iterable[Story]) -> Path:
    path.write_bytes(b"".join(map(to_line, stories)))
    return path


def change_manifest(directory: Path, **changes: Any) -> None:
    """Other values in the manifest of a generation, whose checksum is right again."""
    path = directory / MANIFEST
    content = msgspec.json.decode(path.read_bytes())
    del content["checksum"]
    path.write_bytes(add_checksum(msgspec.json.encode(content | changes)))


def build_stories(root: Path, stories: Iterable[Story], *also: Path) -> Path:
    """An index of ``stories``, and of those in other files, at ``root``."""
    root.parent.mkdir(parents=True, exist_ok=True)
    build_index(root, [write_stories(root.with_suffix(".ndjson"), stories), *also])
    return root
