"""The generations in a directory: which one is current, and which can be removed.

    DIR/current                     the name of the current generation and its checksum; replaced by rename, so never
                                    half written
    DIR/build.lock                  locked by the build that is running
    DIR/generations/g7-s1-f5/       data version 7, schema version 1, format version 5; never changed
    DIR/generations/building-g8/    a running build, or the leftover of a killed one

A reader holds a shared lock on the ``manifest.json`` of its generation. A process that gets the exclusive lock may
remove the generation. The kernel releases both locks when a process ends, for whatever reason.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from xxhash import xxh3_64_hexdigest

from index.errors import BuildFailed, BuildRunning, IndexDamaged, IndexMissing, IndexUnavailable, VersionMismatch
from index.files.disk import (
    is_damage,
    make_directories,
    make_unreadable_error,
    open_regular,
    read_regular,
    replace_file,
    sync,
)
from index.files.manifest import MANIFEST

CURRENT, LOCK = "current", "build.lock"
# Size limit in bytes: a name has about 20 characters, its checksum 16.
_MAX_CURRENT = 100
# Parallel fsync calls: a disk can write its journal once for many of them.
_SYNCS = 16
_NAME = re.compile(r"g(\d+)-s\d+-f\d+")


def directory_of(root: Path) -> Path:
    return root / "generations"


def read_current(root: Path) -> str:
    """The name of the current generation.

    Raises IndexMissing if nothing was built, IndexDamaged, VersionMismatch, or IndexUnavailable if ``current``
    cannot be read now.
    """
    name, checksum = _split_current(root)
    if not checksum:
        raise VersionMismatch(root, "format", "that of an earlier version", "the one with checksums")
    return name


def read_previous(root: Path) -> str:
    """The name of the current generation, also if an earlier version wrote it without a checksum. For builds."""
    return _split_current(root)[0]


def _split_current(root: Path) -> tuple[str, str]:
    """The name and its checksum; "" if there is no checksum."""
    path = root / CURRENT
    try:
        text = read_regular(path, _MAX_CURRENT).decode("ascii").strip()
    except FileNotFoundError:
        if path.is_symlink():
            raise IndexDamaged(root, f"'{CURRENT}' is a link to a missing file") from None
        raise IndexMissing(root, "nothing has been built there; 'outpost build FILE' does") from None
    except OSError as error:
        raise make_unreadable_error(root, f"'{CURRENT}'", error) from error
    except UnicodeDecodeError as error:
        raise IndexDamaged(root, f"'{CURRENT}' names no generation: {error}") from error
    name, _, checksum = text.partition(" ")
    if not _NAME.fullmatch(name):
        raise IndexDamaged(root, f"'{CURRENT}' names no generation: {text[:40]!r}")
    if checksum and checksum != xxh3_64_hexdigest(name.encode()):
        raise IndexDamaged(root, f"'{CURRENT}' was changed: its checksum does not match")
    return name, checksum


def write_current(root: Path, name: str) -> None:
    """Make a generation current, atomically and durably."""
    replace_file(root / CURRENT, f"{name} {xxh3_64_hexdigest(name.encode())}\n".encode("ascii"))


def find_current(root: Path) -> Path:
    """The directory of the current generation. Raises IndexUnavailable if there is none."""
    return directory_of(root) / read_current(root)


def lock_shared(directory: Path) -> IO[bytes] | None:
    """Lock a generation against removal until the returned file is closed; None if it has just been removed.

    Raises OSError.
    """
    path = directory / MANIFEST
    try:
        held = open(path, "rb", opener=open_regular)  # noqa: SIM115 - the caller closes it with the engine
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_SH)
        # If the generation was removed between open and lock, the path leads to another file or to none.
        if os.fstat(held.fileno()).st_ino == path.stat().st_ino:
            return held
    except FileNotFoundError:
        pass
    except BaseException:
        held.close()
        raise
    held.close()
    return None


@contextlib.contextmanager
def lock_for_build(root: Path) -> Iterator[None]:
    """Hold the build lock of ``root``.

    Raises BuildRunning at once if another build holds it, BuildFailed if ``current`` is a directory, OSError.
    """
    make_directories(directory_of(root))
    if (root / CURRENT).is_dir() and not (root / CURRENT).is_symlink():
        # Fails before the build: a rename cannot replace a directory.
        raise BuildFailed(f"{root / CURRENT} is a directory; remove it, and build again")
    with open(root / LOCK, "a+", encoding="ascii", errors="replace", opener=open_regular) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise BuildRunning(root, lock.read(100).strip() or "unknown process") from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}")
        lock.flush()
        yield


def start_directory(root: Path) -> tuple[int, Path]:
    """Create an empty directory for the next data version and remove leftovers of killed builds."""
    home = directory_of(root)
    for leftover in home.glob("building-*"):
        _remove(leftover)
    for leftover in home.glob("removing-*"):
        # Another process may be removing it right now.
        shutil.rmtree(leftover, ignore_errors=True)
    used = [int(match[1]) for path in home.iterdir() if (match := _NAME.fullmatch(path.name))]
    with contextlib.suppress(IndexUnavailable):
        used.append(int(read_previous(root)[1:].partition("-")[0]))
    version = max(used, default=0) + 1
    directory = home / f"building-g{version}"
    directory.mkdir()
    return version, directory


def _remove(path: Path) -> None:
    """Remove a file, a directory or a link. Links are not followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def publish(root: Path, building: Path, name: str) -> None:
    """Make a built generation durable and current: fsync all files, rename, fsync, switch atomically."""
    paths = [building, *building.rglob("*")]
    # A file with more links belongs to an older generation too, and was synced then.
    fresh_paths = [path for path in paths if path.is_dir() or path.stat().st_nlink == 1]
    with ThreadPoolExecutor(_SYNCS) as pool:
        list(pool.map(sync, fresh_paths))
    final = directory_of(root) / name
    building.rename(final)
    sync(final.parent)
    write_current(root, name)


def list_generations(root: Path) -> list[Path]:
    """The directories of all published generations, oldest first."""
    found = [(int(match[1]), path) for path in directory_of(root).iterdir() if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def remove_unused(root: Path) -> list[str]:
    """Remove all generations that are neither current nor locked by a reader. Returns their names.

    A generation is renamed before its files are removed, so that a crash leaves none that looks complete. If one cannot
    be removed, the others are removed before OSError is raised.
    """
    removed = []
    failure: OSError | None = None
    for directory in list_generations(root):
        # Read again for each: a build may have switched meanwhile.
        if directory.name == read_current(root):
            continue
        try:
            if not _remove_generation(directory):
                continue
        except OSError as error:
            failure = failure or error
            continue
        removed.append(directory.name)
    if failure:
        raise failure
    return removed


def _remove_generation(directory: Path) -> bool:
    """Remove a generation. False if a reader has locked it, or if it is not a generation."""
    with contextlib.ExitStack() as stack:
        try:
            held = stack.enter_context(open(directory / MANIFEST, "rb", opener=open_regular))
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (FileNotFoundError, NotADirectoryError, BlockingIOError):
            # Another process removed it, it is not a generation, or a reader has locked it.
            return False
        except OSError as error:
            # A manifest that is not a regular file cannot be locked by a reader.
            if not is_damage(error):
                raise
        doomed = directory.with_name(f"removing-{directory.name}")
        try:
            directory.rename(doomed)
            _remove(doomed)
        except FileNotFoundError:
            return False
    return True
