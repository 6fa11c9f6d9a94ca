"""The interface of stores, used to build an index and to serve it."""

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
    """The ids of a generation and of earlier generations."""

    def was_removed(self, ident: str) -> bool:
        """True if an earlier generation had this story and this one does not."""
        ...

    def find_similar(self, ident: str) -> tuple[str, ...]:
        """Up to three ids that are spelled like ``ident``."""
        ...


class GenerationHandle(Struct, frozen=True, kw_only=True):
    """An opened generation. It is not removed until ``release`` is called; close the engine before that.

    ``files``: the local files that it is served from.
    """

    manifest: Manifest
    engine: Engine
    story_ids: KnownIds
    release: Callable[[], None]
    files: tuple[OpenFile, ...] = ()


class CheckedGeneration(Struct, frozen=True, kw_only=True):
    """The result of checking a generation. ``name`` is "" for faults that belong to no generation.

    ``about``: what was checked, as text. ``complete``: all of the generation was checked.
    """

    name: str = ""
    current: bool = False
    about: str = ""
    faults: tuple[str, ...] = ()
    complete: bool = False


class Build(Protocol):
    """A generation that is being built. The current one is unchanged until ``publish``."""

    rejects: Path

    def make_writer(self) -> GenerationWriter: ...

    def make_updater(self) -> GenerationUpdater:
        """Start from the current generation."""
        ...

    def describe(self, status: IndexStatus, present: Collection[str], removed: Collection[str]) -> None:
        """Store the status and the ids. ``present``: ids that were added; ``removed``: ids that an update deleted."""
        ...

    def open(self) -> Engine:
        """Open it for verification before it is published."""
        ...

    def keep_rejects(self, refused: int) -> Path | None:
        """Keep the file of rejected lines and return its path; None if there are none."""
        ...

    def publish(self) -> tuple[str, int]:
        """Make it current in one atomic step. Returns its name and its size in bytes."""
        ...


class Store(Protocol):
    """A place for generations. Methods raise IndexUnavailable (or a subclass) if no generation can be used."""

    def read_stamp(self) -> Hashable:
        """A value that changes when another generation becomes current. Takes microseconds: every loan calls it."""
        ...

    def open_current(self) -> GenerationHandle:
        """Open the current generation."""
        ...

    def remove_unused(self) -> None:
        """Remove generations that no process uses, as far as permissions allow."""
        ...

    def check(self) -> Iterator[CheckedGeneration]:
        """Read everything again and compare it with the manifest. Raises IndexMissing."""
        ...

    def begin(self, *, incremental: bool) -> AbstractContextManager[Build]:
        """Start a build. Raises BuildRunning if there is another one.

        ``incremental``: start from the current generation instead of an empty one.
        """
        ...
