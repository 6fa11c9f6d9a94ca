"""Many arrays in one file, mapped at once: a file opened and mapped for each of 40 arrays costs 5 ms a segment."""

from __future__ import annotations

import contextlib
import math
import mmap
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

# A line of the processor's cache, which no two arrays share.
_ALIGNMENT = 64
# madvise(2), Linux 5.14; the module mmap of Python 3.11 has no name for it.
_MADV_POPULATE_READ = 22


class ArrayPlace(Struct, frozen=True):
    """Where an array lies: ``dtype`` as numpy spells it ("<i4"), ``offset`` in bytes."""

    dtype: str
    shape: tuple[int, ...]
    offset: int


class ArrayFileWriter:
    """Writes arrays one after the other; ``places`` says afterwards where they are."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "wb")  # noqa: SIM115 - until close
        self.places: dict[str, ArrayPlace] = {}

    def save(self, name: str, values: NDArray[Any]) -> None:
        self._file.write(bytes(-self._file.tell() % _ALIGNMENT))
        self.places[name] = ArrayPlace(values.dtype.str, values.shape, self._file.tell())
        self._file.write(np.ascontiguousarray(values).data)

    def close(self) -> None:
        self._file.close()


class ArrayFile:
    """The arrays of a file, read-only; the mapping ends with the last of them.

    Raises OSError where there is no file, KeyError for a name it has not, TypeError or ValueError where a place is
    beyond its end or no place at all.
    """

    def __init__(self, path: Path, places: Mapping[str, ArrayPlace]) -> None:
        self._places, self._mapped = places, map_file(path)

    def read(self, name: str) -> NDArray[Any]:
        place = self._places[name]
        # Not np.ndarray(buffer=…): that takes an offset below zero, and objects.
        size = math.prod(place.shape)
        return np.frombuffer(self._mapped, np.dtype(place.dtype), size, place.offset).reshape(place.shape)


def map_file(path: Path) -> mmap.mmap | bytes:
    """All bytes of a file, read-only."""
    if not path.stat().st_size:
        return b""  # cannot be mapped
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if sys.platform == "linux":
        # Opening has read the file for its checksum. Mapping its pages at once takes 7 ms for 100 MB; otherwise each
        # 64 KB cost the first query that reads in them 7 µs, and a query reads in 20 places and more.
        with contextlib.suppress(OSError):  # Linux before 5.14 does not know it
            mapped.madvise(_MADV_POPULATE_READ)
    return mapped
