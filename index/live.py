"""The current generation, open: requests borrow it, and go on with what they borrowed while it is replaced."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Hashable

from msgspec import Struct

from index.engines.base import Engine
from index.errors import IndexDamaged, IndexMissing, IndexUnavailable, OutpostError, VersionMismatch
from index.files.manifest import Manifest, OpenFile
from index.files.scrub import Scrubber
from index.query.results import Suggestion
from index.stores import Location, store_of
from index.stores.base import KnownIds, Store

# Seconds until a generation that could not be opened is tried again: at first, and at most.
_FIRST_RETRY, _LAST_RETRY = 5.0, 60.0
_log = logging.getLogger(__name__)


class OpenGeneration(Struct, kw_only=True):
    """A generation that nobody removes while it is open. ``damaged`` ones are lent to nobody any more."""

    name: str
    manifest: Manifest
    engine: Engine
    story_ids: KnownIds
    files: tuple[OpenFile, ...]
    _release: Callable[[], None]
    _stamp: Hashable
    _users: int = 0
    damaged: bool = False
    trending: tuple[Suggestion, ...] | None = None  # what index.suggestions says is current, once it was asked for

    def close(self) -> None:
        self.engine.close()
        self._release()


class _Failure(Struct, frozen=True, kw_only=True):
    """Why the generation of ``stamp`` is not open, and when that is tried again."""

    stamp: Hashable
    error: IndexUnavailable
    attempts: int
    retry_at: float

    def holds(self, stamp: Hashable, now: float) -> bool:
        return self.stamp == stamp and now < self.retry_at


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
    signal.

    ``open_failures`` counts the attempts to open a generation that failed.
    """

    def __init__(self, place: Location | Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store_of(place)
        self._clock = clock
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._open: OpenGeneration | None = None
        self._failure: _Failure | None = None
        self._scrubber: Scrubber | None = None
        self.open_failures = 0

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
            scrubber, self._scrubber = self._scrubber, None
        if scrubber:
            scrubber.stop()
        if last and not last._users:
            last.close()

    def _acquire(self) -> OpenGeneration:
        stamp = self._store.read_stamp()
        with self._lock:
            if self._open and self._open._stamp == stamp and not self._open.damaged:
                self._open._users += 1
                return self._open
        return self._acquire_changed(stamp)

    def _acquire_changed(self, stamp: Hashable) -> OpenGeneration:
        """Open the generation of ``stamp``, unless that failed a short while ago."""
        failure, usable = self._failure, self._open is not None and not self._open.damaged
        if failure is None or not failure.holds(stamp, self._clock()):
            # One thread opens, the others wait for it: opening twice would cost twice the memory. Where it failed
            # before, they go on with the generation that is open.
            retry = usable and failure is not None and failure.stamp == stamp
            if self._opening.acquire(blocking=not retry):
                try:
                    self._refresh(stamp)
                finally:
                    self._opening.release()
        with self._lock:
            if self._open and not self._open.damaged:
                self._open._users += 1
                return self._open
            failure = self._failure
        if failure is None:
            raise IndexUnavailable(self._store, "it has just been closed")
        # The same error may be raised by many threads, and must not gather the frames of all of them.
        raise failure.error.with_traceback(None)

    def _refresh(self, stamp: Hashable) -> None:
        last, failure = self._open, self._failure
        if (last and last._stamp == stamp and not last.damaged) or (failure and failure.holds(stamp, self._clock())):
            return
        try:
            opened = self._store.open_current()
        except Exception as error:
            self._remember(stamp, error, last)
            return
        name = opened.manifest.generation
        fresh = OpenGeneration(
            name=name,
            manifest=opened.manifest,
            engine=opened.engine,
            story_ids=opened.story_ids,
            files=opened.files,
            _release=opened.release,
            _stamp=stamp,
        )
        with self._lock:
            self._open, self._failure = fresh, None
            idle = last is not None and not last._users
        if last and idle:
            self._retire(last)
        if fresh.files and self._scrubber is None:
            self._start_scrubber()

    def _start_scrubber(self) -> None:
        scrubber = Scrubber(self._list_files, self._take_out)
        try:
            scrubber.start()
        except RuntimeError as error:
            # No thread is to be had; the next switch tries again.
            _log.error("the open index is not checked for damage: %s", error)
            return
        self._scrubber = scrubber

    def _remember(self, stamp: Hashable, error: Exception, last: OpenGeneration | None) -> None:
        """What other requests meet until the next attempt. Whatever it is, the ``last`` generation goes on serving,
        unless it is damaged."""
        serving = last if last and not last.damaged else None
        before, now = self._failure, self._clock()
        attempts = before.attempts + 1 if before and before.stamp == stamp else 1
        match error:
            case IndexDamaged() | VersionMismatch():
                # It stays so until another generation is built.
                delay = math.inf
            case IndexMissing():
                # Looked for by each request: that costs nothing, and what is built has another stamp.
                delay = math.inf if serving else 0.0
            case _:
                delay = min(_FIRST_RETRY * 2 ** min(attempts - 1, 10), _LAST_RETRY)
        known = error if isinstance(error, IndexUnavailable) else None
        if not isinstance(error, IndexMissing):
            self.open_failures += 1
        if serving:
            again = f"; tried again in {delay:.0f} seconds" if delay < math.inf else ""
            message = f"the new generation cannot be opened, {serving.name} goes on serving: {error}{again}"
            _log.error(message, exc_info=None if known else error)
        elif known is None:
            _log.error("the index cannot be opened: %s", error, exc_info=error)
        if known is None:
            known = IndexUnavailable(self._store, f"{type(error).__name__}: {error}")
        # Frames would keep what was opened halfway.
        known.__traceback__ = known.__cause__ = known.__context__ = None
        failure = _Failure(stamp=stamp, error=known, attempts=attempts, retry_at=now + delay)
        with self._lock:
            if last and last.damaged and serving:
                # Taken out of service meanwhile, which is what requests are to hear of.
                return
            self._failure = failure
            if serving and delay == math.inf:
                # Said once for each switch: the stamp now counts as looked at.
                serving._stamp = stamp

    def _list_files(self) -> tuple[OpenFile, ...]:
        last = self._open
        return last.files if last and not last.damaged else ()

    def _take_out(self, file: OpenFile, fault: str) -> None:
        """Lend the open generation to nobody any more, for one of its files is not what it was."""
        with self._lock:
            last = self._open
            # A switch may have come between: the file may be one of the new generation too, or not.
            if last is None or last.damaged or not any(file.is_same(other) for other in last.files):
                return
            error = IndexDamaged(self._store, f"{last.name}: {file.path} {fault}")
            self._failure = _Failure(stamp=last._stamp, error=error, attempts=1, retry_at=math.inf)
            last.damaged = True
            # So that no request finds it without asking for more.
            last._stamp = object()
        _log.error("%s is out of service until another generation is built: %s %s", last.name, file.path, fault)

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
