"""The current generation, open: requests borrow it, and go on with what they borrowed while it is replaced."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from index import generations
from index.engines import engine_kind
from index.engines.base import Engine
from index.errors import IndexUnavailable, OutpostError
from index.generations import Manifest
from index.query import Suggestion
from index.story_ids import StoryIds

# A build may switch and clean up between reading the name and locking; it cannot do so endlessly.
_ATTEMPTS = 5
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class OpenGeneration:
    """A generation that nobody removes while it is open."""

    name: str
    manifest: Manifest
    engine: Engine
    story_ids: StoryIds
    _held: IO[bytes]
    _stamp: tuple[int, int]
    _users: int = field(default=0)
    current: tuple[Suggestion, ...] | None = None  # what index.suggestions says is current, once it was asked for

    def close(self) -> None:
        self.engine.close()
        self._held.close()


class Loan:
    """The with block of LiveIndex.borrow: a generator as context manager would cost every search a microsecond."""

    __slots__ = ("_generation", "_live")

    def __init__(self, live: LiveIndex) -> None:
        self._live = live

    def __enter__(self) -> OpenGeneration:
        self._generation = self._live._acquire()
        return self._generation

    def __exit__(self, *error: object) -> None:
        self._live._release(self._generation)


class LiveIndex:
    """Lends the current generation. ``current`` is looked at for every loan (2 µs): a switch needs no signal."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._current = str(root / "current")
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._open: OpenGeneration | None = None

    def borrow(self) -> Loan:
        """The current generation, open until the end of a with block.

        Entering it raises IndexUnavailable (or IndexDamaged, VersionMismatch) when there is none to open. Where a new
        one cannot be opened, the one that is open goes on serving.
        """
        return Loan(self)

    def close(self) -> None:
        """Let go of the generation as soon as nobody uses it."""
        with self._lock:
            last, self._open = self._open, None
        if last and not last._users:
            last.close()

    def _acquire(self) -> OpenGeneration:
        stamp = self._read_stamp()
        with self._lock:
            if self._open and self._open._stamp == stamp:
                self._open._users += 1
                return self._open
        # One thread opens, the others wait for it: opening twice would cost twice the memory.
        with self._opening:
            self._refresh(stamp)
        with self._lock:
            assert self._open is not None
            self._open._users += 1
            return self._open

    def _refresh(self, stamp: tuple[int, int]) -> None:
        last = self._open
        if last and last._stamp == stamp:
            return
        try:
            fresh = _open_current(self.root, stamp)
        except IndexUnavailable as error:
            if last is None:
                raise
            # Said once for each switch: the stamp now counts as looked at.
            _log.error("the new generation cannot be opened, %s goes on serving: %s", last.name, error)
            last._stamp = stamp
            return
        with self._lock:
            self._open = fresh
            idle = last is not None and not last._users
        if last and idle:
            self._retire(last)

    def _release(self, generation: OpenGeneration) -> None:
        with self._lock:
            generation._users -= 1
            idle = not generation._users and generation is not self._open
        if idle:
            self._retire(generation)

    def _retire(self, generation: OpenGeneration) -> None:
        """Close a replaced generation; the last reader of a generation removes it."""
        generation.close()
        try:
            generations.remove_unused(self.root)
        except (OSError, OutpostError) as error:
            # A server may have no right to write here; the next build removes it then.
            _log.info("%s stays on disk until the next build: %s", generation.name, error)

    def _read_stamp(self) -> tuple[int, int]:
        try:
            stat = os.stat(self._current)  # noqa: PTH116 - half the time of Path.stat
        except OSError:
            return (0, 0)
        return (stat.st_ino, stat.st_mtime_ns)


def _open_current(root: Path, stamp: tuple[int, int]) -> OpenGeneration:
    kind = engine_kind()
    for _ in range(_ATTEMPTS):
        name = generations.read_current(root)
        directory = generations.directory_of(root) / name
        held = generations.hold(directory)
        if held is None:
            continue
        try:
            manifest = generations.read_manifest(root, directory, kind.name, kind.format_version)
            engine = kind.open(directory, manifest.status)
        except BaseException:
            held.close()
            raise
        return OpenGeneration(name, manifest, engine, StoryIds(directory), held, stamp)
    raise IndexUnavailable(root, f"the generation {name} that 'current' names is not there")
