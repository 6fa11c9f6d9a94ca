"""Which story ids a generation has, and which earlier generations had: what tells "gone" from "never seen"."""

from __future__ import annotations

import difflib
from bisect import bisect_left
from collections.abc import Collection
from functools import cached_property
from pathlib import Path

from index.errors import IndexDamaged

_PRESENT, _REMOVED = "ids.txt", "removed.txt"


class StoryIds:
    """The ids of one generation, read when they are first needed: only a missing story asks for them.

    Every method raises IndexDamaged where they cannot be read.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @cached_property
    def _present(self) -> list[str]:
        return self._read(_PRESENT)

    @cached_property
    def _removed(self) -> frozenset[str]:
        return frozenset(self._read(_REMOVED))

    def _read(self, name: str) -> list[str]:
        try:
            return (self._directory / name).read_text(encoding="ascii").split()
        except (OSError, ValueError) as error:
            raise IndexDamaged(self._directory, f"{name}: {error}") from error

    def was_removed(self, ident: str) -> bool:
        """Whether an earlier generation had this story and this one has not."""
        return ident in self._removed

    def find_near(self, ident: str) -> tuple[str, ...]:
        """Up to three ids that look like ``ident``."""
        # Ids of one make differ in their ends, so the 200 around its place in the order are enough;
        # comparing with all 228,612 takes seconds.
        place = bisect_left(self._present, ident)
        return tuple(difflib.get_close_matches(ident, self._present[max(0, place - 100) : place + 100]))

    def present(self) -> set[str]:
        return set(self._present)

    def all_ever(self) -> set[str]:
        return {*self._present, *self._removed}


def write_story_ids(directory: Path, present: Collection[str], before: StoryIds | None) -> None:
    """Write the ids of a new generation, and those that the one ``before`` knew and this one has not."""
    removed = sorted(before.all_ever() - set(present)) if before else []
    (directory / _PRESENT).write_text("\n".join(sorted(present)), encoding="ascii")
    (directory / _REMOVED).write_text("\n".join(removed), encoding="ascii")
