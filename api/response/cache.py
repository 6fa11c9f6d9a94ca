"""Answers that were made already, by their ETag: bounded in bytes; the one not asked for longest goes first."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict

MAX_BYTES = 64 * 1024 * 1024
# Bytes of an entry besides key, body and Link header: a tuple, up to 108 in an OrderedDict that has just grown, and
# what all of them are rounded up by.
OVERHEAD = 200
Entry = tuple[bytes, str]  # the body and its Link header


class AnswerCache:
    """Shared by the threads of a process. An ETag names generation and request, so nothing in it goes stale."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """What all entries take, with their keys."""
        return self._bytes

    def find(self, tag: str) -> Entry | None:
        with self._lock:
            if tag in self._entries:
                self._entries.move_to_end(tag)
            return self._entries.get(tag)

    def add(self, tag: str, entry: Entry) -> None:
        """Keep an answer, unless it alone would fill a tenth of the cache."""
        size = _measure(tag, entry)
        if size > self._max_bytes // 10:
            return
        with self._lock:
            if tag in self._entries:
                return
            self._entries[tag] = entry
            self._bytes += size
            while self._bytes > self._max_bytes:
                self._bytes -= _measure(*self._entries.popitem(last=False))


def _measure(tag: str, entry: Entry) -> int:
    body, link = entry
    return sys.getsizeof(tag) + sys.getsizeof(body) + sys.getsizeof(link) + OVERHEAD
