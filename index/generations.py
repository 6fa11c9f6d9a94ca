"""Where generations live, which one is current, which may go.

    DIR/current                     the name of the current generation: replaced by rename, so never half written
    DIR/build.lock                  held by the one build that may run
    DIR/generations/g7-s1-f4/       data version 7, schema version 1, format version 2; never changed again
    DIR/generations/building-g8/    a build that is running, or the leftover of one that was killed

A reader holds a shared lock on its generation's ``manifest.json``; whoever can get the exclusive one may remove
the generation. The kernel lets go of both when a process dies, however it dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec
from xxhash import xxh3_64_intdigest

from index.caching import Budget, Cache
from index.errors import BuildRunning, IndexDamaged, IndexUnavailable, VersionMismatch
from index.query import IndexStatus
from index.schema import SCHEMA_VERSION

MANIFEST = "manifest.json"
# A disk that is asked for 30 small files at once writes its journal once for many of them.
_SYNCS = 16
# 3 MB are 9,000 files.
CHECKSUMS = Budget(3 << 20)
_checksums: Cache[tuple[int, int, int, int], int] = Cache(CHECKSUMS)
_NAME = re.compile(r"g(\d+)-s\d+-f\d+")


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a generation is: written last, so that its presence says that the rest is there.

    ``build`` differs between any two builds; ``files`` are sizes in bytes by relative path, ``checksums`` their
    XXH3 of 64 bits. ``updating`` while one is changed where it is, which a cluster does.
    """

    generation: str
    build: str
    engine: str
    schema_version: int
    format_version: int
    built_at: datetime
    status: IndexStatus
    files: dict[str, int] = {}
    checksums: dict[str, int] = {}
    updating: bool = False


def directory_of(root: Path) -> Path:
    return root / "generations"


def read_current(root: Path) -> str:
    """The name of the current generation. Raises IndexUnavailable when there is none."""
    try:
        name = (root / "current").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise IndexUnavailable(root, "nothing has been built there; 'outpost build FILE' does") from None
    except (OSError, ValueError) as error:
        raise IndexUnavailable(root, f"'current' cannot be read: {error}") from error
    if not _NAME.fullmatch(name):
        raise IndexDamaged(root, f"'current' names no generation: {name[:40]!r}")
    return name


def find_current(root: Path) -> Path:
    """The directory of the current generation. Raises IndexUnavailable when there is none."""
    return directory_of(root) / read_current(root)


def hold(directory: Path) -> IO[bytes] | None:
    """Lock a generation against removal until the file is closed; None when it has just been removed."""
    path = directory / MANIFEST
    try:
        held = open(path, "rb")  # noqa: SIM115 - the caller closes it with the engine
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_SH)
        # Between open and lock the generation may have been removed: then the path leads elsewhere.
        if os.fstat(held.fileno()).st_ino == path.stat().st_ino:
            return held
    except FileNotFoundError:
        pass
    held.close()
    return None


def read_manifest(root: Path, directory: Path, engine: str, format_version: int) -> Manifest:
    """The manifest, after its versions, and the sizes and checksums of all files, were checked.

    Raises VersionMismatch, or IndexDamaged naming the first file that is missing, cut or altered.
    """
    try:
        manifest = msgspec.json.decode((directory / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise IndexDamaged(root, f"{directory.name}/{MANIFEST}: {error}") from error
    for what, found, expected in (
        ("engine", manifest.engine, engine),
        ("schema version", manifest.schema_version, SCHEMA_VERSION),
        ("format version", manifest.format_version, format_version),
    ):
        if found != expected:
            raise VersionMismatch(root, what, found, expected)
    for file, size in manifest.files.items():
        path = directory / file
        actual = path.stat().st_size if path.exists() else None
        if actual != size:
            state = "is missing" if actual is None else f"has {actual} bytes instead of {size}"
            raise IndexDamaged(root, f"{directory.name}/{file} {state}")
        if checksum(path) != manifest.checksums.get(file):
            raise IndexDamaged(root, f"{directory.name}/{file} was altered: its checksum is another")
    return manifest


def checksum(path: Path) -> int:
    """The XXH3 of a file, at 10 GB/s: read once in a process, for generations share files that never change."""
    stat = path.stat()
    # Not the path: an update links files to another place. The time, for numbers of removed files are given again.
    identity = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    known = _checksums.get(identity)
    if known is None:
        known = _read_checksum(path)
        _checksums.add(identity, known)
    return known


def _read_checksum(path: Path) -> int:
    if not path.stat().st_size:  # cannot be mapped
        return xxh3_64_intdigest(b"")
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return xxh3_64_intdigest(mapped)


@contextlib.contextmanager
def lock_for_build(root: Path) -> Iterator[None]:
    """Be the only build in ``root``. Raises BuildRunning at once when there is another."""
    directory_of(root).mkdir(parents=True, exist_ok=True)
    with open(root / "build.lock", "a+", encoding="ascii") as lock:
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
        shutil.rmtree(leftover)
    for leftover in home.glob("removing-*"):
        # The reader that began to remove it may be at it right now.
        shutil.rmtree(leftover, ignore_errors=True)
    used = [int(match[1]) for path in home.iterdir() if (match := _NAME.fullmatch(path.name))]
    with contextlib.suppress(IndexUnavailable):
        used.append(int(read_current(root)[1:].partition("-")[0]))
    version = max(used, default=0) + 1
    directory = home / f"building-g{version}"
    directory.mkdir()
    return version, directory


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
    fresh = root / "current.new"
    fresh.write_text(name + "\n", encoding="ascii")
    sync(fresh)
    fresh.rename(root / "current")
    sync(root)


def remove_unused(root: Path) -> list[str]:
    """Remove every generation that is neither current nor held by a reader; tell which.

    A generation is renamed before its files go, so that a crash in between leaves nothing that looks whole.
    """
    removed = []
    home = directory_of(root)
    for directory in sorted(path for path in home.iterdir() if _NAME.fullmatch(path.name)):
        # Asked anew for each: a build may have switched in the meantime.
        if directory.name == read_current(root):
            continue
        try:
            with open(directory / MANIFEST, "rb") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                doomed = directory.rename(home / f"removing-{directory.name}")
                shutil.rmtree(doomed)
        except BlockingIOError:
            continue
        except FileNotFoundError:
            # Another process was faster.
            continue
        removed.append(directory.name)
    return removed


def sync(path: Path) -> None:
    """fsync a file or a directory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
