"""Many arrays in one file, mapped as a whole. One file for each of 40 arrays would cost 5 ms a segment to open."""

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

# In bytes: a cache line of the processor, so that no two arrays share one.
_ALIGNMENT = 64


class ArrayEntry(Struct, frozen=True):
    """The location of an array in the file. ``dtype`` is numpy's name ("<i4"), ``offset`` is in bytes."""

    dtype: str
    shape: tuple[int, ...]
    offset: int


class ArrayFileWriter:
    """Writes arrays one after the other; ``entries`` locates them by name."""

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
    """The arrays of a file, read-only. The file stays mapped as long as one of the arrays exists.

    Raises OSError if the file does not exist, KeyError for an unknown name, TypeError or ValueError if an entry is
    invalid or reaches beyond the end of the file.
    """

    def __init__(self, path: Path, entries: Mapping[str, ArrayEntry]) -> None:
        self._entries, self._mapped = entries, map_file(path)

    def read(self, name: str) -> NDArray[Any]:
        entry = self._entries[name]
        # Not np.ndarray(buffer=…), which accepts negative offsets and objects.
        size = math.prod(entry.shape)
        return np.frombuffer(self._mapped, np.dtype(entry.dtype), size, entry.offset).reshape(entry.shape)


def map_file(path: Path) -> mmap.mmap | bytes:
    """A read-only mapping of a file. Raises OSError if it cannot be read."""
    with open(path, "rb", opener=open_regular) as file:
        if not os.fstat(file.fileno()).st_size:
            return b""  # an empty file cannot be mapped
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    # The pages are in memory, because opening reads the file for its checksum. Mapping all of them now takes 7 ms for
    # 100 MB. Otherwise the first query that reads one of 64 KB pays 7 µs, and a query reads 20 or more of them.
    populate(mapped)
    return mapped
