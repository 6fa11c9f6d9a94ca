"""The current generation, open: requests borrow it, and go on with what they borrowed while it is replaced."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from index.engines.base import Engine
from index.errors import IndexUnavailable, OutpostError
from index.manifest import Manifest
from index.query import Suggestion
from index.stores import Place, store_of
from index.stores.base import KnownIds, Store

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class OpenGeneration:
    """A generation that nobody removes while it is open."""

    name: str
    manifest: Manifest
    engine: Engine
    story_ids: KnownIds
    _release: Callable[[], None]
    _stamp: Hashable
    _users: int = field(default=0)
    current: tuple[Suggestion, ...] | None = None  # what index.suggestions says is current, once it was asked for

    def close(self) -> None:
        self.engine.close()
        self._release()


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
    """Lends the current generation. Whether it still is that is looked at for every loan (2 µs): a switch needs no
    signal."""

    def __init__(self, place: Place | Store) -> None:
        self._store = store_of(place)
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
        stamp = self._store.read_stamp()
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

    def _refresh(self, stamp: Hashable) -> None:
        last = self._open
        if last and last._stamp == stamp:
            return
        try:
            opened = self._store.open_current()
        except IndexUnavailable as error:
            if last is None:
                raise
            # Said once for each switch: the stamp now counts as looked at.
            _log.error("the new generation cannot be opened, %s goes on serving: %s", last.name, error)
            last._stamp = stamp
            return
        name = opened.manifest.generation
        fresh = OpenGeneration(name, opened.manifest, opened.engine, opened.story_ids, opened.release, stamp)
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
            self._store.remove_unused()
        except (OSError, OutpostError) as error:
            # A server may have no right to write here; the next build removes it then.
            _log.info("%s stays on disk until the next build: %s", generation.name, error)
