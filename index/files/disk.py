"""Safe access to index files: opens only regular files, never blocks on one, and writes durably."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import stat
import sys
from pathlib import Path

from index.errors import IndexDamaged, IndexUnavailable

# Tests of a file mode, with the name of the kind.
_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)
# MADV_POPULATE_READ of madvise(2), Linux 5.14, and its errors for unreadable pages (133 is EHWPOISON). As numbers,
# because the modules mmap and errno do not name them on every system.
_MADV_POPULATE_READ = 22
_UNREADABLE = (errno.EFAULT, 133)


class NotRegular(OSError):
    """The path is a directory, FIFO, socket or device instead of a regular file."""

    def __init__(self, path: str | os.PathLike[str], mode: int) -> None:
        kind = next((name for matches, name in _KINDS if matches(mode)), "something else")
        super().__init__(errno.EINVAL, f"is {kind}, not a regular file", os.fspath(path))


def open_regular(path: str | os.PathLike[str], flags: int) -> int:
    """An ``opener`` for ``open()``. Raises NotRegular for a file that ``open()`` might block on, such as a FIFO."""
    # Checked before, because opening a device can have effects, and after, because the file may have been replaced.
    with contextlib.suppress(FileNotFoundError):  # os.open raises it again, or creates the file
        require_regular(path, os.stat(path))  # noqa: PTH116 - half the time of Path.stat
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o666)
    try:
        require_regular(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def require_regular(path: str | os.PathLike[str], found: os.stat_result) -> None:
    """Raise NotRegular unless the stat result is of a regular file."""
    if not stat.S_ISREG(found.st_mode):
        raise NotRegular(path, found.st_mode)


def read_regular(path: Path, limit: int | None = None) -> bytes:
    """Read a regular file. Raises OSError, also if it has more than ``limit`` bytes."""
    with open(path, "rb", opener=open_regular) as file:
        data = file.read() if limit is None else file.read(limit + 1)
    if limit is not None and len(data) > limit:
        raise OSError(errno.EFBIG, f"has more than {limit:,} bytes", str(path))
    return data


def populate(mapped: mmap.mmap, start: int = 0, length: int | None = None) -> bool:
    """Load the pages of a mapped range into memory. Returns False if the system does not support it.

    Raises OSError if the disk cannot read a page, or if the file has become shorter: without this check, touching such
    a page would kill the process with SIGBUS.
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
    """True for permanent errors (missing file, not a file). After other errors a later attempt may succeed."""
    return isinstance(error, NotRegular | FileNotFoundError | NotADirectoryError | IsADirectoryError) or (
        error.errno in (errno.ELOOP, errno.ENAMETOOLONG, errno.EFBIG)
    )


def describe_error(error: OSError) -> str:
    """The reason, to follow a file name in a message: "is missing", "cannot be read: Permission denied"."""
    if isinstance(error, FileNotFoundError):
        return "is missing"
    if isinstance(error, NotRegular) or error.errno == errno.EFBIG:
        return str(error.strerror)
    return f"cannot be read: {error.strerror or error}"


def make_unreadable_error(location: object, file: str, error: OSError) -> IndexUnavailable:
    """The error for an unreadable index file: IndexDamaged, or IndexUnavailable if a later attempt may succeed."""
    kind = IndexDamaged if is_damage(error) else IndexUnavailable
    return kind(location, f"{file} {describe_error(error)}")


def replace_file(path: Path, data: bytes) -> None:
    """Replace the contents of a file durably and atomically: readers see either the old bytes or the new ones."""
    fresh = path.with_name(f"{path.name}.new")
    # A leftover of a killed process.
    fresh.unlink(missing_ok=True)
    with open(fresh, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    sync(path.parent)


def make_directories(path: Path) -> None:
    """Create a directory and its missing parents durably."""
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for directory in reversed(missing):
        # A parent without read permission cannot be synced.
        with contextlib.suppress(PermissionError):
            sync(directory.parent)


def sync(path: Path) -> None:
    """fsync a file or a directory."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
