"""Answers that were made already, by their ETag: bounded in bytes; the one not asked for longest goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict

MAX_BYTES = 64 * 1024 * 1024
Entry = tuple[bytes, str]  # the body and its Link header


class AnswerCache:
    """Shared by the threads of a process. An ETag names generation and request, so nothing in it goes stale."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def find(self, tag: str) -> Entry | None:
        with self._lock:
            if tag in self._entries:
                self._entries.move_to_end(tag)
            return self._entries.get(tag)

    def add(self, tag: str, entry: Entry) -> None:
        """Keep an answer, unless it alone would fill a tenth of the cache."""
        size = len(entry[0])
        if size > self._max_bytes // 10:
            return
        with self._lock:
            if tag in self._entries:
                return
            self._entries[tag] = entry
            self._bytes += size
            while self._bytes > self._max_bytes:
                _, (body, _) = self._entries.popitem(last=False)
                self._bytes -= len(body)
