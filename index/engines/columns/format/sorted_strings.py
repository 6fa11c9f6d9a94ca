"""Sorted byte strings in two arrays: found by binary search, numbered in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class SortedStrings:
    """The array ``NAME`` (uint8) holds the strings one after the other, ``NAME_starts`` (int64) where each begins, and
    the end of the last. ``read`` returns an array by its name."""

    def __init__(self, read: Callable[[str], NDArray[Any]], name: str) -> None:
        # Memoryviews return plain numbers and bytes in half the time of numpy arrays.
        self._starts, self._bytes = read(f"{name}_starts").data, read(name).data

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, number: int) -> bytes:
        return self._bytes[self._starts[number] : self._starts[number + 1]].tobytes()

    def find(self, string: bytes) -> int | None:
        """The number of a string, or None if it is not there."""
        at = self.find_lower_bound(string)
        return at if at < len(self) and self[at] == string else None

    def find_lower_bound(self, string: bytes) -> int:
        """The number of strings that sort before ``string``."""
        starts, strings = self._starts, self._bytes
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) >> 1
            if strings[starts[middle] : starts[middle + 1]].tobytes() < string:
                low = middle + 1
            else:
                high = middle
        return low

    def find_prefix(self, prefix: bytes) -> range:
        """The numbers of the strings that begin with ``prefix``."""
        # UTF-8 has no byte 0xff, so no string that begins with the prefix sorts after this one.
        return range(self.find_lower_bound(prefix), self.find_lower_bound(prefix + b"\xff"))


def save_strings(save: Callable[[str, NDArray[Any]], None], name: str, strings: Sequence[bytes]) -> None:
    """Write ``strings`` as ``SortedStrings`` reads them. To be searched, they must be sorted and distinct."""
    lengths = np.array([len(string) for string in strings], np.int64)
    save(f"{name}_starts", np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
    save(name, np.frombuffer(b"".join(strings), np.uint8))
