"""Files of an index on disk: only regular ones are opened, nothing waits for a file, what is written is durable."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import stat
import sys
from pathlib import Path

from index.errors import IndexDamaged, IndexUnavailable

# What stands where a regular file should, by the test of its mode.
_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)
# madvise(2), Linux 5.14, for which the module mmap has no name; and its errors where a page cannot be had, as numbers,
# for not every system has names for them.
_MADV_POPULATE_READ = 22
_UNREADABLE = (errno.EFAULT, 133)


class NotRegular(OSError):
    """A directory, FIFO, socket or device where a regular file is needed."""

    def __init__(self, path: str | os.PathLike[str], mode: int) -> None:
        kind = next((name for matches, name in _KINDS if matches(mode)), "something else")
        super().__init__(errno.EINVAL, f"is {kind}, not a regular file", os.fspath(path))


def open_regular(path: str | os.PathLike[str], flags: int) -> int:
    """An ``opener`` for ``open()``: raises NotRegular where ``open()`` itself might wait, as on a FIFO for a writer."""
    # Looked at before it is opened, for opening a device may do something; and after, for it may have been replaced.
    with contextlib.suppress(FileNotFoundError):  # opening says so, or creates it
        require_regular(path, os.stat(path))  # noqa: PTH116 - half the time of Path.stat
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o666)
    try:
        require_regular(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def require_regular(path: str | os.PathLike[str], found: os.stat_result) -> None:
    """Raises NotRegular."""
    if not stat.S_ISREG(found.st_mode):
        raise NotRegular(path, found.st_mode)


def read_regular(path: Path, limit: int | None = None) -> bytes:
    """The bytes of a regular file. Raises OSError, also where they are more than ``limit``."""
    with open(path, "rb", opener=open_regular) as file:
        data = file.read() if limit is None else file.read(limit + 1)
    if limit is not None and len(data) > limit:
        raise OSError(errno.EFBIG, f"has more than {limit:,} bytes", str(path))
    return data


def populate(mapped: mmap.mmap, start: int = 0, length: int | None = None) -> bool:
    """Map the pages of a range at once. False where this system cannot.

    Raises OSError for what a disk cannot read, and for what is behind the end of the file by now: touching it would end
    the process with SIGBUS.
    """
    if sys.platform != "linux":
        return False
    try:
        mapped.madvise(_MADV_POPULATE_READ, start, len(mapped) - start if length is None else length)
    except OSError as error:
        if error.errno in _UNREADABLE:
            raise OSError(errno.EIO, os.strerror(errno.EIO)) from error
        return False
    return True


def is_damage(error: OSError) -> bool:
    """Whether a file is missing or is something else, which stays so; else a later attempt may succeed."""
    return isinstance(error, NotRegular | FileNotFoundError | NotADirectoryError | IsADirectoryError) or (
        error.errno in (errno.ELOOP, errno.ENAMETOOLONG, errno.EFBIG)
    )


def describe_error(error: OSError) -> str:
    """The reason without the path, as it follows a file's name: "is missing", "cannot be read: Permission denied"."""
    if isinstance(error, FileNotFoundError):
        return "is missing"
    if isinstance(error, NotRegular) or error.errno == errno.EFBIG:
        return str(error.strerror)
    return f"cannot be read: {error.strerror or error}"


def make_unreadable_error(place: object, file: str, error: OSError) -> IndexUnavailable:
    """What to raise where a file of an index cannot be read: IndexDamaged unless a later attempt may succeed."""
    kind = IndexDamaged if is_damage(error) else IndexUnavailable
    return kind(place, f"{file} {describe_error(error)}")


def replace_file(path: Path, data: bytes) -> None:
    """Write a whole file, durably: whoever reads it meanwhile finds the old bytes or the new ones."""
    fresh = path.with_name(f"{path.name}.new")
    # Whatever a killed process, or somebody else, left there.
    fresh.unlink(missing_ok=True)
    with open(fresh, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    sync(path.parent)


def make_directories(path: Path) -> None:
    """Make a directory and those above it that are missing, durably."""
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for directory in reversed(missing):
        # A parent that may be written to and not be read cannot be synced.
        with contextlib.suppress(PermissionError):
            sync(directory.parent)


def sync(path: Path) -> None:
    """fsync a file or a directory."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
