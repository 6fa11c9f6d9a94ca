"""Many arrays in one file, mapped at once: a file opened and mapped for each of 40 arrays costs 5 ms a segment."""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from index.files.disk import open_regular, populate

# A line of the processor's cache, which no two arrays share.
_ALIGNMENT = 64


class ArrayEntry(Struct, frozen=True):
    """Where an array lies: ``dtype`` as numpy spells it ("<i4"), ``offset`` in bytes."""

    dtype: str
    shape: tuple[int, ...]
    offset: int


class ArrayFileWriter:
    """Writes arrays one after the other; ``entries`` says afterwards where they are."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "wb")  # noqa: SIM115 - until close
        self.entries: dict[str, ArrayEntry] = {}

    def save(self, name: str, values: NDArray[Any]) -> None:
        self._file.write(bytes(-self._file.tell() % _ALIGNMENT))
        self.entries[name] = ArrayEntry(values.dtype.str, values.shape, self._file.tell())
        self._file.write(np.ascontiguousarray(values).data)

    def close(self) -> None:
        self._file.close()


class ArrayFile:
    """The arrays of a file, read-only; the mapping ends with the last of them.

    Raises OSError where there is no file, KeyError for a name it has not, TypeError or ValueError where a place is
    beyond its end or no place at all.
    """

    def __init__(self, path: Path, entries: Mapping[str, ArrayEntry]) -> None:
        self._entries, self._mapped = entries, map_file(path)

    def read(self, name: str) -> NDArray[Any]:
        entry = self._entries[name]
        # Not np.ndarray(buffer=…): that takes an offset below zero, and objects.
        size = math.prod(entry.shape)
        return np.frombuffer(self._mapped, np.dtype(entry.dtype), size, entry.offset).reshape(entry.shape)


def map_file(path: Path) -> mmap.mmap | bytes:
    """All bytes of a file, read-only."""
    with open(path, "rb", opener=open_regular) as file:
        if not os.fstat(file.fileno()).st_size:
            return b""  # cannot be mapped
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    # Opening has read the file for its checksum. Mapping its pages at once takes 7 ms for 100 MB; otherwise each 64 KB
    # cost the first query that reads in them 7 µs, and a query reads in 20 places and more.
    populate(mapped)
    return mapped
