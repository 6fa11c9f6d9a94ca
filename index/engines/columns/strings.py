"""Sorted byte strings in a file, mapped: looked up by halving, numbered by their order."""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from pathlib import Path

import numpy as np


class Strings:
    """``NAME.bin`` holds the strings one after the other, ``NAME.npy`` where each begins (int64, and the end)."""

    def __init__(self, path: Path) -> None:
        self._starts = np.load(path.with_suffix(".npy"), mmap_mode="r", allow_pickle=False)
        with open(path.with_suffix(".bin"), "rb") as file:
            # An empty file cannot be mapped.
            size = path.with_suffix(".bin").stat().st_size
            self._bytes: mmap.mmap | bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, number: int) -> bytes:
        return self._bytes[self._starts[number] : self._starts[number + 1]]

    def find(self, wanted: bytes) -> int | None:
        """The number of a string."""
        at = self.find_place(wanted)
        return at if at < len(self) and self[at] == wanted else None

    def find_place(self, wanted: bytes) -> int:
        """How many strings are below ``wanted``."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) >> 1
            if self[middle] < wanted:
                low = middle + 1
            else:
                high = middle
        return low

    def find_prefix(self, prefix: bytes) -> range:
        """The numbers of the strings that begin with ``prefix``."""
        # UTF-8 has no byte 0xff, so nothing that begins with the prefix is above this.
        return range(self.find_place(prefix), self.find_place(prefix + b"\xff"))


def write_strings(path: Path, strings: Iterable[bytes]) -> None:
    """``strings`` as ``Strings`` reads them; for looking up they have to be sorted and distinct."""
    lengths = []
    with open(path.with_suffix(".bin"), "wb") as file:
        for string in strings:
            file.write(string)
            lengths.append(len(string))
    np.save(path.with_suffix(".npy"), np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64))
