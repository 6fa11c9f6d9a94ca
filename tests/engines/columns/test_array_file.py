"""Arrays in one file come back as they were, and cannot be written to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index.engines.columns.format.array_file import ArrayEntry, ArrayFile, ArrayFileWriter

ARRAYS = {
    "bytes": np.arange(7, dtype=np.uint8),
    "table": np.arange(12, dtype=np.int32).reshape(3, 4),
    "none": np.empty(0, np.int64),
    "weights": np.linspace(0, 1, 5, dtype=np.float32),
    "across": np.arange(6, dtype=np.int64).reshape(2, 3).T,
    "last": np.empty(0, np.float32),
}


def write(path: Path) -> dict[str, ArrayEntry]:
    writer = ArrayFileWriter(path)
    for name, values in ARRAYS.items():
        writer.save(name, values)
    writer.close()
    return writer.entries


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    file = ArrayFile(tmp_path / "columns.bin", write(tmp_path / "columns.bin"))
    for name, values in ARRAYS.items():
        found = file.read(name)
        assert found.dtype == values.dtype
        np.testing.assert_array_equal(found, values)
        assert found.flags.c_contiguous
        assert found.flags.aligned
        assert not found.flags.writeable


def test_each_array_begins_at_a_cache_line_of_its_own(tmp_path: Path) -> None:
    assert all(entry.offset % 64 == 0 for entry in write(tmp_path / "columns.bin").values())


def test_arrays_outlive_the_file_object_and_the_file(tmp_path: Path) -> None:
    found = ArrayFile(tmp_path / "columns.bin", write(tmp_path / "columns.bin")).read("table")
    (tmp_path / "columns.bin").unlink()
    assert found[2, 3] == 11


def test_a_file_of_no_arrays_has_none(tmp_path: Path) -> None:
    (tmp_path / "columns.bin").touch()
    with pytest.raises(KeyError):
        ArrayFile(tmp_path / "columns.bin", {}).read("table")


@pytest.mark.parametrize(
    "entry",
    [
        ArrayEntry("<i4", (1_000_000,), 0),
        ArrayEntry("<i4", (1,), 1_000_000),
        ArrayEntry("<i4", (1,), -64),
        ArrayEntry("O", (1,), 0),
        ArrayEntry("nonsense", (1,), 0),
    ],
)
def test_an_invalid_entry_raises(tmp_path: Path, entry: ArrayEntry) -> None:
    write(tmp_path / "columns.bin")
    with pytest.raises((TypeError, ValueError)):
        ArrayFile(tmp_path / "columns.bin", {"one": entry}).read("one")
