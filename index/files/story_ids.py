"""The story ids of a generation and of earlier ones, to tell removed stories (410) from unknown ones (404)."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Collection
from functools import cached_property
from pathlib import Path

from index.errors import IndexDamaged
from index.files.disk import make_unreadable_error, read_regular
from index.near_names import find_similar_names

# ids.txt: the ids at the last build; updates share this file. added.txt: ids added since then, may repeat those.
# removed.txt: removed ids; overrides both.
_BUILT, _ADDED, _REMOVED = ID_FILES = ("ids.txt", "added.txt", "removed.txt")
# Most ids in added.txt, which each update rewrites in 3 ms. Above that, ids.txt is rewritten (0.2 s for 228,612 ids).
_MAX_ADDED = 10_000


class StoryIds:
    """The ids of one generation. The files are read at once, but parsed only when an unknown id is looked up.

    The constructor raises IndexDamaged, or IndexUnavailable if a file cannot be read now.
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
        """True if an earlier generation had this story and this one does not."""
        return ident in self._removed

    def find_similar(self, ident: str) -> tuple[str, ...]:
        """Up to three ids that are spelled like ``ident``."""
        # Similar ids mostly differ at the end, so the 200 neighbours in sorted order are enough. Comparing with all
        # 228,612 ids takes seconds.
        position = bisect_left(self._present, ident)
        around = self._present[max(0, position - 100) : position + 100]
        # Of equally similar ids, prefer the last ones, which are often the newest.
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
        raise IndexDamaged(directory, f"{name} contains bytes that are not ASCII")
    return data


def write_story_ids(directory: Path, present: Collection[str], before: StoryIds | None) -> None:
    """Write the ids of a new generation; ids that only the generation ``before`` knew become removed ids."""
    _write(directory, _BUILT, present)
    _write(directory, _ADDED, ())
    _write(directory, _REMOVED, before.all_ever() - set(present) if before else ())


def update_story_ids(directory: Path, base: Path, added: Collection[str], removed: Collection[str]) -> None:
    """Write the ids of a generation that has the ids of ``base`` and ``added``, without ``removed``."""
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
