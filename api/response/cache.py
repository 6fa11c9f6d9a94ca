"""Cache of encoded answers by ETag, bounded in bytes; the least recently used entries are evicted first."""

from __future__ import annotations

import sys
import threading
from operator import itemgetter

from cachetools import LRUCache

MAX_BYTES = 64 * 1024 * 1024
# Bytes of an entry besides key, body and Link header: two tuples, an integer and its slots in the three dictionaries of
# LRUCache, measured where these have just grown.
OVERHEAD = 330
Entry = tuple[bytes, str]  # the body and its Link header


class AnswerCache:
    """Shared by the threads of a process. An ETag names generation and request, so entries never become stale."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        # Each value is the entry and its size in bytes.
        self._entries: LRUCache[str, tuple[Entry, int]] = LRUCache(max_bytes, getsizeof=itemgetter(1))
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """Bytes of all entries, including their keys and overhead."""
        return int(self._entries.currsize)

    def find(self, tag: str) -> Entry | None:
        with self._lock:
            value = self._entries.get(tag)
        return None if value is None else value[0]

    def add(self, tag: str, entry: Entry) -> None:
        """Store an answer, unless it takes more than a tenth of the cache or is there already."""
        size = _count_bytes(tag, entry)
        if size > self._entries.maxsize // 10:
            return
        with self._lock:
            if tag not in self._entries:
                self._entries[tag] = entry, size


def _count_bytes(tag: str, entry: Entry) -> int:
    body, link = entry
    return sys.getsizeof(tag) + sys.getsizeof(body) + sys.getsizeof(link) + OVERHEAD
