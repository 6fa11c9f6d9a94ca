"""Which story ids a generation has, and which earlier generations had: what tells "gone" from "never seen"."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Collection
from functools import cached_property
from pathlib import Path

from index.errors import IndexDamaged
from index.files.disk import make_unreadable_error, read_regular
from index.near_names import find_similar_names

# The ids at the last build, which updates share; those added since then, of which some may stand in both; those that
# are gone, which may stand in either.
_BUILT, _ADDED, _REMOVED = ID_FILES = ("ids.txt", "added.txt", "removed.txt")
# So many added ids are read and written at each update (3 ms) before ids.txt is written anew (0.2 s at 228,612).
_MAX_ADDED = 10_000


class StoryIds:
    """The ids of one generation. Its files are read at once, so that nothing has to be opened later; they become lists
    when a missing story first asks for them.

    Making it raises IndexDamaged, or IndexUnavailable where a file cannot be read for now.
    """

    def __init__(self, directory: Path) -> None:
        self._files = {name: _read(directory, name) for name in ID_FILES}

    @cached_property
    def _present(self) -> list[str]:
        built = self._split(_BUILT)
        if not self._added and not self._removed:
            return built
        return sorted({*built, *self._added} - self._removed)

    @cached_property
    def _added(self) -> frozenset[str]:
        return frozenset(self._split(_ADDED))

    @cached_property
    def _removed(self) -> frozenset[str]:
        return frozenset(self._split(_REMOVED))

    def _split(self, name: str) -> list[str]:
        return self._files[name].decode("ascii").split()

    def was_removed(self, ident: str) -> bool:
        """Whether an earlier generation had this story and this one has not."""
        return ident in self._removed

    def find_similar(self, ident: str) -> tuple[str, ...]:
        """Up to three ids that look like ``ident``."""
        # Ids of one make differ in their ends, so the 200 around its place in the order are enough;
        # comparing with all 228,612 takes seconds.
        place = bisect_left(self._present, ident)
        around = self._present[max(0, place - 100) : place + 100]
        # Of ids that are equally near the last ones, which are often the newest.
        return tuple(find_similar_names(ident, reversed(around), 3))

    def present(self) -> set[str]:
        return set(self._present)

    def all_ever(self) -> set[str]:
        return {*self._present, *self._removed}


def _read(directory: Path, name: str) -> bytes:
    try:
        data = read_regular(directory / name)
    except OSError as error:
        raise make_unreadable_error(directory, name, error) from error
    if not data.isascii():
        raise IndexDamaged(directory, f"{name} holds what is no id")
    return data


def write_story_ids(directory: Path, present: Collection[str], before: StoryIds | None) -> None:
    """Write the ids of a new generation, and those that the one ``before`` knew and this one has not."""
    _write(directory, _BUILT, present)
    _write(directory, _ADDED, ())
    _write(directory, _REMOVED, before.all_ever() - set(present) if before else ())


def update_story_ids(directory: Path, base: Path, added: Collection[str], removed: Collection[str]) -> None:
    """Write the ids of a generation that has those of ``base`` and ``added``, without ``removed``."""
    before = StoryIds(base)
    all_added, gone = before._added.union(added), before._removed.difference(added).union(removed)
    if len(all_added) > _MAX_ADDED:
        write_story_ids(directory, before.present().union(added).difference(removed), before)
        return
    os.link(base / _BUILT, directory / _BUILT)
    _write(directory, _ADDED, all_added)
    _write(directory, _REMOVED, gone)


def _write(directory: Path, name: str, idents: Collection[str]) -> None:
    (directory / name).write_text("\n".join(sorted(idents)), encoding="ascii")
