"""The seam between what builds and serves an index and the place where its generations live."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from index.engines.base import Engine, GenerationUpdater, GenerationWriter
from index.files.manifest import Manifest, OpenFile
from index.query.results import IndexStatus


class KnownIds(Protocol):
    """Which ids a generation has, and which earlier ones had."""

    def was_removed(self, ident: str) -> bool:
        """Whether an earlier generation had this story and this one has not."""
        ...

    def find_similar(self, ident: str) -> tuple[str, ...]:
        """Up to three ids that look like ``ident``."""
        ...


class GenerationHandle(Struct, frozen=True, kw_only=True):
    """The current generation, which stays what it is until ``release`` is called, after the engine was closed.

    ``files`` are those on this machine that it is served from.
    """

    manifest: Manifest
    engine: Engine
    story_ids: KnownIds
    release: Callable[[], None]
    files: tuple[OpenFile, ...] = ()


class CheckedGeneration(Struct, frozen=True, kw_only=True):
    """What checking a generation found. Faults that are of no generation come without a name. ``complete``: all of it
    was looked at."""

    name: str = ""
    current: bool = False
    about: str = ""
    faults: tuple[str, ...] = ()
    complete: bool = False


class Build(Protocol):
    """A generation that is being made. Whatever ends it before ``publish`` leaves the current one as it was."""

    rejects: Path

    def make_writer(self) -> GenerationWriter: ...

    def make_updater(self) -> GenerationUpdater:
        """Goes on from the current generation."""
        ...

    def describe(self, status: IndexStatus, present: Collection[str], removed: Collection[str]) -> None:
        """Say what was built: ``present`` are the ids that came in, ``removed`` those that an update took out."""
        ...

    def open(self) -> Engine:
        """For a look at it before it is published."""
        ...

    def keep_rejects(self, refused: int) -> Path | None:
        """Where the refused lines are for whoever mends the input; None where there are none."""
        ...

    def publish(self) -> tuple[str, int]:
        """Make it current, all at once. Returns its name and its size in bytes."""
        ...


class Store(Protocol):
    """Raises IndexUnavailable (or a subclass) where there is nothing that could answer."""

    def read_stamp(self) -> Hashable:
        """Differs when another generation is current. Asked for every loan, so it takes microseconds."""
        ...

    def open_current(self) -> GenerationHandle: ...

    def remove_unused(self) -> None:
        """Remove generations that nobody needs any more, as far as this process may."""
        ...

    def check(self) -> Iterator[CheckedGeneration]:
        """Compare what is stored with what it has to be, reading all of it anew. Raises IndexMissing."""
        ...

    def begin(self, *, incremental: bool) -> AbstractContextManager[Build]:
        """Be the only build here. With ``incremental`` it goes on from the current generation. Raises BuildRunning."""
        ...
