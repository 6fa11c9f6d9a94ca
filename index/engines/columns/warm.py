"""Compiles all kernels into numba's cache: ``python -m index.engines.columns.warm``, which `make setup` runs.

Numba keeps its cache in ``__pycache__`` beside the kernels, or in NUMBA_CACHE_DIR. Later processes load the compiled
kernels in 0.1 s when they import them, before their first request.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from index.documents.story import Publisher, Section, Source, Story
from index.engines.columns.build.writer import ColumnsWriter
from index.engines.columns.engine import ColumnsEngine


def compile_kernels() -> None:
    """Compile every kernel by building a small index and searching it."""
    with tempfile.TemporaryDirectory() as directory:
        writer = ColumnsWriter(Path(directory))
        source = Source(url="https://example.com/1", title="A word", publisher=Publisher(name="Example"))
        for story_id in ("1", "2"):
            published = datetime(2025, 1, 1, tzinfo=UTC)
            sections = (Section(heading="Another word"),)
            story = Story(
                id=story_id, title="A word", topics=("T",), published_at=published, sections=sections, sources=(source,)
            )
            writer.add(story)
        # Opening the engine runs a first search.
        ColumnsEngine(Path(directory), writer.finish()).close()


if __name__ == "__main__":
    compile_kernels()
