"""Compiles the kernels and keeps them on disk: ``python -m index.engines.columns.warm``, which `make setup` runs.

A process loads what was compiled in 0.1 s when it imports the kernels, before its first request.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from index.documents.story import Publisher, Section, Source, Story
from index.engines.columns.build.writer import ColumnsWriter
from index.engines.columns.engine import ColumnsEngine


def compile_kernels() -> None:
    """Build and search a few stories."""
    with tempfile.TemporaryDirectory() as scratch:
        writer = ColumnsWriter(Path(scratch))
        source = Source(url="https://example.com/1", title="A word", publisher=Publisher(name="Example"))
        for ident in ("1", "2"):
            now = datetime(2025, 1, 1, tzinfo=UTC)
            sections = (Section(heading="Another word"),)
            writer.add(
                Story(id=ident, title="A word", topics=("T",), published_at=now, sections=sections, sources=(source,))
            )
        ColumnsEngine(Path(scratch), writer.finish()).close()


if __name__ == "__main__":
    compile_kernels()
