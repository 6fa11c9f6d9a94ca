"""Stores generations in a directory: builds each in a directory of its own and switches by renaming one file.

index/generations.py describes the layout.
"""

from __future__ import annotations

import logging
import os
import shutil
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from index import generations
from index.analysis.schema import SCHEMA_VERSION
from index.engines import DEFAULT_ENGINE, engine_kind, engine_kind_of
from index.engines.base import Engine, EngineKind, GenerationUpdater, GenerationWriter
from index.errors import BuildFailed, IndexDamaged, IndexMissing, IndexUnavailable, VersionMismatch
from index.files.disk import describe_error, make_unreadable_error, sync
from index.files.manifest import (
    MANIFEST,
    Manifest,
    cached_checksum,
    check_files,
    encode_manifest,
    list_files,
    read_manifest,
    verify_files,
)
from index.files.story_ids import ID_FILES, StoryIds, update_story_ids, write_story_ids
from index.query.results import IndexStatus
from index.stores.base import CheckedGeneration, GenerationHandle

_REJECTS = "rejects.ndjson"
# Attempts to open the current generation: a build may replace and remove it between reading the name and locking it.
_ATTEMPTS = 5
_log = logging.getLogger(__name__)


class DirectoryStore:
    """A Store (index.stores.base) in the directory ``root``.

    ``engine`` builds new generations; each generation is opened by the engine that built it. Raises UnknownEngine.
    """

    def __init__(self, root: Path, engine: str = DEFAULT_ENGINE) -> None:
        self.root = root
        self._current = str(root / generations.CURRENT)
        self._kind = engine_kind(engine)

    def __str__(self) -> str:
        return str(self.root)

    def read_stamp(self) -> tuple[int, int]:
        try:
            stat = os.stat(self._current)  # noqa: PTH116 - half the time of Path.stat
        except OSError:
            return (0, 0)
        return (stat.st_ino, stat.st_mtime_ns)

    def open_current(self) -> GenerationHandle:
        for _ in range(_ATTEMPTS):
            directory = generations.find_current(self.root)
            opened = self._open(directory)
            if opened is not None:
                return opened
        if directory.is_dir():
            raise IndexDamaged(self.root, f"{directory.name}/{MANIFEST} is missing")
        raise IndexUnavailable(self.root, f"the generation {directory.name}, named by 'current', does not exist")

    def _open(self, directory: Path) -> GenerationHandle | None:
        """None if the generation has just been removed."""
        try:
            held = generations.lock_shared(directory)
        except OSError as error:
            raise make_unreadable_error(self.root, f"{directory.name}/{MANIFEST}", error) from error
        if held is None:
            return None
        try:
            manifest = self._read_verified(directory)
            # Open everything now: later there may be no free descriptor, or the file may be gone.
            ids = StoryIds(directory)
            files = list_files(directory, manifest)
            engine = engine_kind_of(directory.name).open(directory, manifest.status)
        except OSError as error:
            held.close()
            raise make_unreadable_error(self.root, directory.name, error) from error
        except BaseException:
            held.close()
            raise
        return GenerationHandle(manifest=manifest, engine=engine, story_ids=ids, release=held.close, files=files)

    def _read_manifest(self, directory: Path) -> Manifest:
        kind = engine_kind_of(directory.name)
        return read_manifest(self.root, directory, kind.name, kind.format_version)

    def _read_verified(self, directory: Path) -> Manifest:
        manifest = self._read_manifest(directory)
        verify_files(self.root, directory, manifest)
        return manifest

    def remove_unused(self) -> None:
        generations.remove_unused(self.root)

    def check(self) -> Iterator[CheckedGeneration]:
        current, directories = "", list[Path]()
        for _ in range(_ATTEMPTS):
            try:
                current = generations.read_current(self.root)
            except IndexMissing:
                raise
            except IndexUnavailable as error:
                yield CheckedGeneration(faults=(error.reason,))
            try:
                directories = generations.list_generations(self.root)
            except OSError as error:
                raise make_unreadable_error(self.root, "generations", error) from error
            # A build may have switched meanwhile and removed the generation.
            if not current or current in [directory.name for directory in directories]:
                break
        else:
            yield CheckedGeneration(name=current, current=True, about="", faults=(f"{current} is missing",))
        for directory in directories:
            checked = self._check(directory, current=directory.name == current)
            if checked is not None:
                yield checked

    def _check(self, directory: Path, *, current: bool) -> CheckedGeneration | None:
        """None if the generation has just been removed."""
        name = directory.name
        try:
            held = generations.lock_shared(directory)
        except OSError as error:
            return CheckedGeneration(
                name=name, current=current, about="", faults=(f"{name}/{MANIFEST} {describe_error(error)}",)
            )
        if held is None:
            missing = CheckedGeneration(name=name, current=current, about="", faults=(f"{name}/{MANIFEST} is missing",))
            return missing if directory.exists() else None
        with held:
            try:
                manifest = self._read_manifest(directory)
            except VersionMismatch as error:
                # An older server may still use it. The next build removes it.
                return CheckedGeneration(
                    name=name,
                    current=current,
                    about="of another version, not checked",
                    faults=(error.reason,) if current else (),
                )
            except IndexUnavailable as error:
                return CheckedGeneration(name=name, current=current, about="", faults=(error.reason,))
            faults = check_files(directory, manifest)
        size = sum(manifest.files.values())
        return CheckedGeneration(
            name=name,
            current=current,
            about=f"{len(manifest.files)} files, {size:,} bytes",
            faults=faults,
            complete=True,
        )

    @contextmanager
    def begin(self, *, incremental: bool) -> Iterator[DirectoryBuild]:
        try:
            if incremental:
                # Fails before anything is written if there is no index.
                generations.read_current(self.root)
            with generations.lock_for_build(self.root):
                kind = self._kind
                if incremental:
                    current = generations.find_current(self.root)
                    self._read_verified(current)
                    kind = engine_kind_of(current.name)
                building = DirectoryBuild(self.root, kind, incremental=incremental)
                try:
                    yield building
                except BaseException:
                    shutil.rmtree(building.directory, ignore_errors=True)
                    raise
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            reason = f"{error.strerror or error}{where}"
            raise BuildFailed(f"could not write the index at {self.root}: {reason}") from error


class DirectoryBuild:
    """A Build (index.stores.base): a directory that gets its final name when it is published."""

    def __init__(self, root: Path, kind: EngineKind, *, incremental: bool) -> None:
        self._root, self._incremental, self._kind = root, incremental, kind
        version, self.directory = generations.start_directory(root)
        self._name = f"g{version}-s{SCHEMA_VERSION}-f{self._kind.format_version}"
        self.rejects = self.directory / _REJECTS

    def make_writer(self) -> GenerationWriter:
        return self._kind.make_writer(self.directory)

    def make_updater(self) -> GenerationUpdater:
        return self._kind.make_updater(self.directory, generations.find_current(self._root))

    def describe(self, status: IndexStatus, present: Collection[str], removed: Collection[str]) -> None:
        if self._incremental:
            update_story_ids(self.directory, generations.find_current(self._root), present, removed)
        else:
            write_story_ids(self.directory, present, self._read_previous_ids())
        self._status = status

    def _read_previous_ids(self) -> StoryIds | None:
        """The ids of the generation that is replaced, which also knows the removed stories."""
        try:
            directory = generations.directory_of(self._root) / generations.read_previous(self._root)
            try:
                kind = engine_kind_of(directory.name)
                manifest = read_manifest(self._root, directory, kind.name, kind.format_version)
                verify_files(self._root, directory, manifest, ID_FILES)
            except VersionMismatch as error:
                _log.info("the ids of %s are used without a check: %s", directory.name, error)
            return StoryIds(directory)
        except IndexMissing:
            return None
        except IndexUnavailable as error:
            _log.warning("removed stories will be unknown: %s", error)
            return None

    def keep_rejects(self, refused: int) -> Path | None:
        kept = self._root / _REJECTS
        if refused:
            sync(self.rejects)
            self.rejects.rename(kept)
            sync(self._root)
            return kept
        self.rejects.unlink(missing_ok=True)
        kept.unlink(missing_ok=True)
        return None

    def open(self) -> Engine:
        self._size = self._write_manifest()
        manifest = read_manifest(self._root, self.directory, self._kind.name, self._kind.format_version)
        verify_files(self._root, self.directory, manifest)
        return self._kind.open(self.directory, manifest.status)

    def publish(self) -> tuple[str, int]:
        # Locked before the switch, so that no reader removes it as an old generation.
        held = generations.lock_shared(self.directory)
        try:
            generations.publish(self._root, self.directory, self._name)
            try:
                generations.remove_unused(self._root)
            except OSError as error:
                # The switch is done. The old files do no harm.
                _log.warning("an older generation cannot be removed: %s", error)
        finally:
            if held:
                held.close()
        return self._name, self._size

    def _write_manifest(self) -> int:
        """Write the manifest and return the size of all files in bytes."""
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
            checksums={file: cached_checksum(building / file) for file in files},
        )
        (building / MANIFEST).write_bytes(encode_manifest(manifest))
        return sum(files.values())
