"""Generations in a directory: built aside, made durable, switched to by one rename (index/generations.py)."""

from __future__ import annotations

import logging
import os
import shutil
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from index import generations
from index.engines import engine_kind
from index.engines.base import Engine, GenerationUpdater, GenerationWriter
from index.errors import BuildFailed, IndexDamaged, IndexUnavailable
from index.generations import MANIFEST, Manifest
from index.query import IndexStatus
from index.schema import SCHEMA_VERSION
from index.stores.base import Opened
from index.story_ids import StoryIds, update_story_ids, write_story_ids

_REJECTS = "rejects.ndjson"
# A build may switch and clean up between reading the name and locking; it cannot do so endlessly.
_ATTEMPTS = 5
_log = logging.getLogger(__name__)


class DirectoryStore:
    """A Store (index.stores.base) at ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._current = str(root / "current")
        self._kind = engine_kind()

    def __str__(self) -> str:
        return str(self.root)

    def read_stamp(self) -> tuple[int, int]:
        try:
            stat = os.stat(self._current)  # noqa: PTH116 - half the time of Path.stat
        except OSError:
            return (0, 0)
        return (stat.st_ino, stat.st_mtime_ns)

    def open_current(self) -> Opened:
        for _ in range(_ATTEMPTS):
            name = generations.read_current(self.root)
            directory = generations.directory_of(self.root) / name
            held = generations.hold(directory)
            if held is None:
                continue
            try:
                manifest = self._read_manifest(directory)
                engine = self._kind.open(directory, manifest.status)
            except BaseException:
                held.close()
                raise
            return Opened(manifest, engine, StoryIds(directory), held.close)
        raise IndexUnavailable(self.root, f"the generation {name} that 'current' names is not there")

    def _read_manifest(self, directory: Path) -> Manifest:
        return generations.read_manifest(self.root, directory, self._kind.name, self._kind.format_version)

    def remove_unused(self) -> None:
        generations.remove_unused(self.root)

    @contextmanager
    def begin(self, *, keep: bool) -> Iterator[DirectoryBuilding]:
        try:
            if keep:
                self._read_manifest(generations.find_current(self.root))
            self.root.mkdir(parents=True, exist_ok=True)
            with generations.lock_for_build(self.root):
                building = DirectoryBuilding(self.root, keep=keep)
                try:
                    yield building
                except BaseException:
                    shutil.rmtree(building.directory, ignore_errors=True)
                    raise
        except OSError as error:
            raise BuildFailed(f"could not write the index at {self.root}: {error.strerror or error}") from error


class DirectoryBuilding:
    """A Building (index.stores.base): a directory that gets its final name when it is published."""

    def __init__(self, root: Path, *, keep: bool) -> None:
        self._root, self._keep, self._kind = root, keep, engine_kind()
        version, self.directory = generations.start_directory(root)
        self._name = f"g{version}-s{SCHEMA_VERSION}-f{self._kind.format_version}"
        self.rejects = self.directory / _REJECTS

    def make_writer(self) -> GenerationWriter:
        return self._kind.make_writer(self.directory)

    def make_updater(self) -> GenerationUpdater:
        return self._kind.make_updater(self.directory, generations.find_current(self._root))

    def describe(self, status: IndexStatus, present: Collection[str], removed: Collection[str]) -> None:
        if self._keep:
            update_story_ids(self.directory, generations.find_current(self._root), present, removed)
        else:
            write_story_ids(self.directory, present, _previous_ids(self._root))
        self._status = status

    def keep_rejects(self, refused: int) -> Path | None:
        kept = self._root / _REJECTS
        if refused:
            generations.sync(self.rejects)
            self.rejects.rename(kept)
            generations.sync(self._root)
            return kept
        self.rejects.unlink(missing_ok=True)
        kept.unlink(missing_ok=True)
        return None

    def open(self) -> Engine:
        self._size = self._write_manifest()
        kind = self._kind
        manifest = generations.read_manifest(self._root, self.directory, kind.name, kind.format_version)
        return kind.open(self.directory, manifest.status)

    def publish(self) -> tuple[str, int]:
        # Held from before the switch on, so that no reader that cleans up takes it for an old one.
        held = generations.hold(self.directory)
        try:
            generations.publish(self._root, self.directory, self._name)
            generations.remove_unused(self._root)
        finally:
            if held:
                held.close()
        return self._name, self._size

    def _write_manifest(self) -> int:
        """Returns the bytes of all files."""
        building = self.directory
        files = {str(p.relative_to(building)): p.stat().st_size for p in sorted(building.rglob("*")) if p.is_file()}
        now = datetime.now(UTC).replace(microsecond=0)
        manifest = Manifest(
            generation=self._name,
            build=uuid.uuid4().hex,
            engine=self._kind.name,
            schema_version=SCHEMA_VERSION,
            format_version=self._kind.format_version,
            built_at=now,
            status=self._status,
            files=files,
            checksums={file: generations.checksum(building / file) for file in files},
        )
        (building / MANIFEST).write_bytes(msgspec.json.encode(manifest))
        return sum(files.values())


def _previous_ids(root: Path) -> StoryIds | None:
    try:
        ids = StoryIds(generations.find_current(root))
        ids.all_ever()
    except IndexUnavailable as error:
        if isinstance(error, IndexDamaged):
            _log.warning("which stories were removed cannot be told: %s", error)
        return None
    return ids
