"""Files of an index that are damaged on purpose, and what an index answers then."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from index.analysis.folding import TypedText
from index.analysis.schema import STORY_DEFAULTS, STORY_FIELDS
from index.live import LiveIndex, OpenGeneration
from index.query.language import parse_query
from index.query.requests import FACETS, FacetRequest, HighlightOptions, SearchQuery, Sort
from index.search import export_stories

_QUERIES = ("", "ferry", '"night ferry" -robot', "har* OR tide", "title:ferry OR body:robot")


def find_generation(root: Path) -> Path:
    """The directory of the current generation."""
    return root / "generations" / (root / "current").read_text().split()[0]


def list_files(root: Path) -> list[Path]:
    """Those of the current generation that are not empty, without its manifest; in the same order each time."""
    directory = find_generation(root)
    paths = (path for path in directory.rglob("*") if path.is_file() and path.name != "manifest.json")
    return sorted(path for path in paths if path.stat().st_size)


def flip(data: bytes, rng: random.Random) -> bytes:
    """The same with one bit changed."""
    changed = bytearray(data)
    bit = rng.randrange(8 * len(changed))
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@contextmanager
def replaced(path: Path, data: bytes) -> Iterator[None]:
    """``path`` is another file with ``data`` for a while: what has the right one open keeps it."""
    kept = path.with_name(path.name + ".kept")
    os.link(path, kept)
    try:
        changed = path.with_name(path.name + ".changed")
        changed.write_bytes(data)
        changed.rename(path)
        yield
    finally:
        kept.rename(path)


def digest(generation: OpenGeneration) -> str:
    """Of everything that a generation says of itself and answers to a dozen questions."""
    engine = generation.engine
    parts: list[object] = [generation.manifest, engine.get_status(), sorted(generation.story_ids.present())]
    names = [field.name for field in STORY_FIELDS]
    for text in _QUERIES:
        for order in (Sort.RELEVANCE, Sort.NEWEST):
            tree = parse_query(text, names)
            counted = FacetRequest(names=tuple(FACETS), size=100)
            options = HighlightOptions(tag="mark", words=30, matches=True)
            query = SearchQuery(
                tree=tree, search_in=STORY_DEFAULTS, sort=order, facets=counted, limit=100, highlighting=options
            )
            parts.append(engine.search_stories(query))
    parts += export_stories(generation, SearchQuery())
    parts += [
        engine.list_publishers(),
        engine.suggest_completions("query", TypedText(words=("fe",)), 8),
        engine.find_labels("topic"),
    ]
    parts.append(engine.fuzzy_terms("harbuor", 2))
    return hashlib.sha256(repr(parts).encode(errors="surrogatepass")).hexdigest()


def read_digest(root: Path) -> str:
    """Of the current generation, opened anew. Raises IndexUnavailable."""
    live = LiveIndex(root)
    try:
        with live.borrow() as generation:
            return digest(generation)
    finally:
        live.close()
