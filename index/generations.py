"""Where generations live, which one is current, which may go.

    DIR/current                     the name of the current generation and its checksum: replaced by rename, so never
                                    half written
    DIR/build.lock                  held by the one build that may run
    DIR/generations/g7-s1-f5/       data version 7, schema version 1, format version 5; never changed again
    DIR/generations/building-g8/    a build that is running, or the leftover of one that was killed

A reader holds a shared lock on its generation's ``manifest.json``; whoever can get the exclusive one may remove
the generation. The kernel lets go of both when a process dies, however it dies.
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
# A name has some 20 characters, and its checksum 16.
_MAX_CURRENT = 100
# A disk that is asked for 30 small files at once writes its journal once for many of them.
_SYNCS = 16
_NAME = re.compile(r"g(\d+)-s\d+-f\d+")


def directory_of(root: Path) -> Path:
    return root / "generations"


def read_current(root: Path) -> str:
    """The name of the current generation.

    Raises IndexMissing where nothing was built, IndexDamaged, VersionMismatch, or IndexUnavailable where ``current``
    cannot be read for now.
    """
    name, checksum = _split_current(root)
    if not checksum:
        raise VersionMismatch(root, "form", "that of an earlier version", "the one with checksums")
    return name


def read_previous(root: Path) -> str:
    """The same for a build, which replaces it: an earlier version of Outpost wrote the name alone."""
    return _split_current(root)[0]


def _split_current(root: Path) -> tuple[str, str]:
    """The name, and its checksum, "" where there is none."""
    path = root / CURRENT
    try:
        text = read_regular(path, _MAX_CURRENT).decode("ascii").strip()
    except FileNotFoundError:
        if path.is_symlink():
            raise IndexDamaged(root, f"'{CURRENT}' is a link to a file that is missing") from None
        raise IndexMissing(root, "nothing has been built there; 'outpost build FILE' does") from None
    except OSError as error:
        raise make_unreadable_error(root, f"'{CURRENT}'", error) from error
    except UnicodeDecodeError as error:
        raise IndexDamaged(root, f"'{CURRENT}' names no generation: {error}") from error
    name, _, checksum = text.partition(" ")
    if not _NAME.fullmatch(name):
        raise IndexDamaged(root, f"'{CURRENT}' names no generation: {text[:40]!r}")
    if checksum and checksum != xxh3_64_hexdigest(name.encode()):
        raise IndexDamaged(root, f"'{CURRENT}' was altered: its checksum is another")
    return name, checksum


def write_current(root: Path, name: str) -> None:
    """Make a generation the current one, in one step and durably."""
    replace_file(root / CURRENT, f"{name} {xxh3_64_hexdigest(name.encode())}\n".encode("ascii"))


def find_current(root: Path) -> Path:
    """The directory of the current generation. Raises IndexUnavailable when there is none."""
    return directory_of(root) / read_current(root)


def lock_shared(directory: Path) -> IO[bytes] | None:
    """Lock a generation against removal until the file is closed; None when it has just been removed.

    Raises OSError.
    """
    path = directory / MANIFEST
    try:
        held = open(path, "rb", opener=open_regular)  # noqa: SIM115 - the caller closes it with the engine
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_SH)
        # Between open and lock the generation may have been removed: then the path leads elsewhere.
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
    """Be the only build in ``root``. Raises BuildRunning at once when there is another, BuildFailed where something is
    in the way, OSError."""
    make_directories(directory_of(root))
    if (root / CURRENT).is_dir() and not (root / CURRENT).is_symlink():
        # Told before the work of a build: nothing replaces a directory.
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
    """The next data version and a new empty directory for it; leftovers of killed builds are removed."""
    home = directory_of(root)
    for leftover in home.glob("building-*"):
        _remove(leftover)
    for leftover in home.glob("removing-*"):
        # The reader that began to remove it may be at it right now.
        shutil.rmtree(leftover, ignore_errors=True)
    used = [int(match[1]) for path in home.iterdir() if (match := _NAME.fullmatch(path.name))]
    with contextlib.suppress(IndexUnavailable):
        used.append(int(read_previous(root)[1:].partition("-")[0]))
    version = max(used, default=0) + 1
    directory = home / f"building-g{version}"
    directory.mkdir()
    return version, directory


def _remove(path: Path) -> None:
    """Whatever it is: a link is removed, not followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def publish(root: Path, building: Path, name: str) -> None:
    """Make what was built durable and current: fsync of all, rename, fsync, one atomic switch."""
    paths = [building, *building.rglob("*")]
    # What has another link is of an older generation, and was synced with it.
    fresh_paths = [path for path in paths if path.is_dir() or path.stat().st_nlink == 1]
    with ThreadPoolExecutor(_SYNCS) as pool:
        list(pool.map(sync, fresh_paths))
    final = directory_of(root) / name
    building.rename(final)
    sync(final.parent)
    write_current(root, name)


def list_generations(root: Path) -> list[Path]:
    """The directories of all published generations, the oldest first."""
    found = [(int(match[1]), path) for path in directory_of(root).iterdir() if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def remove_unused(root: Path) -> list[str]:
    """Remove every generation that is neither current nor held by a reader; tell which.

    A generation is renamed before its files go, so that a crash in between leaves nothing that looks whole. Raises
    OSError, after all others were removed, where one could not be.
    """
    removed = []
    failure: OSError | None = None
    for directory in list_generations(root):
        # Asked anew for each: a build may have switched in the meantime.
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
    """False where a reader holds it, or it is none."""
    with contextlib.ExitStack() as stack:
        try:
            held = stack.enter_context(open(directory / MANIFEST, "rb", opener=open_regular))
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (FileNotFoundError, NotADirectoryError, BlockingIOError):
            # Another process was faster, or it is no generation, or somebody reads it.
            return False
        except OSError as error:
            # What is no file cannot be held by anybody.
            if not is_damage(error):
                raise
        doomed = directory.with_name(f"removing-{directory.name}")
        try:
            directory.rename(doomed)
            _remove(doomed)
        except FileNotFoundError:
            return False
    return True
