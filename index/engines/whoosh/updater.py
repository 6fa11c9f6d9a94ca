"""An update as a build: every story of the base that stays, then the new ones. Slow, and plainly right."""

from __future__ import annotations

from pathlib import Path

from index.documents.story import Story
from index.engines.whoosh.engine import WhooshEngine
from index.engines.whoosh.writer import WhooshWriter
from index.query.results import IndexStatus


class WhooshUpdater:
    """A GenerationUpdater (index.engines.base) of plain Whoosh."""

    def __init__(self, directory: Path, base: Path) -> None:
        self._writer = WhooshWriter(directory)
        self._base = WhooshEngine(base, IndexStatus(stories=0, sources=0, publishers=0, newest=None))
        self._added: dict[str, Story] = {}
        self._deleted: set[str] = set()

    def add(self, story: Story) -> None:
        self._added[story.id] = story

    def delete(self, ident: str) -> bool:
        there = ident not in self._deleted and bool(self._base.find_stories([ident]))
        self._deleted.add(ident)
        return there

    def finish(self) -> IndexStatus:
        for story in self._base.iter_stories():
            if story.id not in self._deleted and story.id not in self._added:
                self._writer.add(story)
        for story in self._added.values():
            self._writer.add(story)
        self._base.close()
        return self._writer.finish()

    def merge(self) -> IndexStatus:
        return self.finish()

    def abort(self) -> None:
        self._base.close()
        self._writer.abort()
