"""The manifest of a generation: what it contains, and the size and checksum of each file.

``manifest.json`` begins with ``{"checksum":"0123456789abcdef",``, the 64-bit XXH3 of all bytes that follow. So it is
JSON, and any changed bit is detected.
"""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path, PurePosixPath

import msgspec
from xxhash import xxh3_64, xxh3_64_hexdigest

from index.analysis.schema import SCHEMA_VERSION
from index.caching import Budget, Cache
from index.errors import IndexDamaged, VersionMismatch
from index.files.disk import (
    describe_error,
    is_damage,
    make_unreadable_error,
    open_regular,
    populate,
    read_regular,
    require_regular,
)
from index.query.results import IndexStatus

MANIFEST = "manifest.json"
# The end of each name of a generation, in directories and on clusters: "-s<schema version>-f<format version>".
_VERSIONS = re.compile(r"-s(\d+)-f(\d+)\Z")
_GENERATION = re.compile(r"g\d+-s\d+-f\d+")
# Size limit of a manifest. It has about 100 bytes per file; an index of 100 million stories has some thousand files.
_MAX_BYTES = 16 * 1024 * 1024
_BLOCK = 256 * 1024
# Bytes that are mapped and hashed at a time. All their pages have to stay in memory.
_MAPPED = 16 * 1024 * 1024
# Threads that hash files. Hashing releases the GIL.
_READERS = 2
Identity = tuple[int, int, int, int]
# Cache of checksums by file identity: 3 MB hold 9,000 files.
CHECKSUMS = Budget(3 << 20)
_checksums: Cache[Identity, int] = Cache(CHECKSUMS)


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Describes a generation. It is written last: its presence means that the generation is complete.

    ``build``: a unique id of the build. ``files``: relative path to size in bytes. ``checksums``: relative path to
    64-bit XXH3. ``updating``: an update in place is running, which happens only on clusters.
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


class OpenFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of an open generation: its path and identity, and its size and checksum from the manifest."""

    path: Path
    device: int
    inode: int
    size: int
    checksum: int

    def is_same(self, other: OpenFile) -> bool:
        """True for the same file with the same contents. The paths may differ: updates link files."""
        return (self.device, self.inode, self.size, self.checksum) == (
            other.device,
            other.inode,
            other.size,
            other.checksum,
        )


# --- the manifest itself -------------------------------------------------------------------------------------------


def encode_manifest(manifest: Manifest) -> bytes:
    return add_checksum(msgspec.json.encode(manifest))


def add_checksum(encoded: bytes) -> bytes:
    """Add the checksum as the first member of an encoded JSON object."""
    rest = encoded[1:]
    return _make_head(rest) + rest


def _make_head(rest: bytes) -> bytes:
    return b'{"checksum":"%s",' % xxh3_64_hexdigest(rest).encode()


def decode_manifest(data: bytes) -> Manifest:
    """Decode the result of ``encode_manifest``. Raises ValueError if any bit of it has changed."""
    size = len(_make_head(b""))
    head, rest = data[:size], data[size:]
    if head != _make_head(rest):
        raise ValueError("was changed: its checksum does not match")
    try:
        manifest = msgspec.json.decode(b"{" + rest, type=Manifest)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ValueError(f"cannot be decoded: {error}") from error
    if manifest.files.keys() != manifest.checksums.keys():
        raise ValueError("has a file without a checksum, or a checksum without a file")
    for file in manifest.files:
        if not _is_inside(file):
            raise ValueError(f"names a file that is not in the generation: {file[:100]!r}")
    return manifest


def _is_inside(file: str) -> bool:
    """True for a normalized relative path that stays inside the directory."""
    path = PurePosixPath(file)
    return (
        str(path) == file
        and bool(path.name)
        and not path.is_absolute()
        and ".." not in path.parts
        and ("\0" not in file)
    )


def read_manifest(location: object, directory: Path, engine: str, format_version: int) -> Manifest:
    """Read the manifest of the generation in ``directory``, without checking its files.

    Raises VersionMismatch, IndexDamaged, or IndexUnavailable if a later attempt may succeed.
    """
    if _GENERATION.fullmatch(directory.name):
        # Before the manifest is read, because other versions may use another format.
        check_versions(location, directory.name, format_version)
    try:
        manifest = decode_manifest(read_regular(directory / MANIFEST, _MAX_BYTES))
    except OSError as error:
        raise make_unreadable_error(location, f"{directory.name}/{MANIFEST}", error) from error
    except ValueError as error:
        raise IndexDamaged(location, f"{directory.name}/{MANIFEST} {error}") from error
    compare_versions(location, manifest, engine, format_version)
    if _GENERATION.fullmatch(directory.name) and manifest.generation != directory.name:
        raise IndexDamaged(location, f"{directory.name}/{MANIFEST} is that of {manifest.generation[:100]!r}")
    return manifest


def check_versions(location: object, name: str, format_version: int) -> None:
    """Raise VersionMismatch if ``name`` ends in other versions than those that this code reads."""
    versions = _VERSIONS.search(name)
    if versions is not None:
        _compare(location, "schema version", int(versions[1]), SCHEMA_VERSION)
        _compare(location, "format version", int(versions[2]), format_version)


def compare_versions(location: object, manifest: Manifest, engine: str, format_version: int) -> None:
    """Raise VersionMismatch if this engine cannot read the generation of the manifest."""
    _compare(location, "engine", manifest.engine, engine)
    _compare(location, "schema version", manifest.schema_version, SCHEMA_VERSION)
    _compare(location, "format version", manifest.format_version, format_version)


def _compare(location: object, what: str, found: object, expected: object) -> None:
    if found != expected:
        raise VersionMismatch(location, what, found, expected)


# --- the files that it is about ------------------------------------------------------------------------------------


def verify_files(location: object, directory: Path, manifest: Manifest, files: Collection[str] | None = None) -> None:
    """Compare the sizes and checksums of ``files`` with the manifest; None stands for all files.

    Raises IndexDamaged for the first file that is missing, truncated or changed, and IndexUnavailable if one cannot be
    read now.
    """
    chosen = list(manifest.files if files is None else files)
    with ThreadPoolExecutor(_READERS) as pool:
        found = pool.map(partial(find_fault, directory, manifest, checksum_of=cached_checksum), chosen)
        for file in chosen:
            name = f"{directory.name}/{file}"
            try:
                fault = next(found)
            except OSError as error:
                pool.shutdown(wait=False, cancel_futures=True)
                raise make_unreadable_error(location, name, error) from error
            if fault:
                pool.shutdown(wait=False, cancel_futures=True)
                raise IndexDamaged(location, f"{name} {fault}")


def check_files(directory: Path, manifest: Manifest) -> tuple[str, ...]:
    """Read all files of a generation, without the cache of checksums, and return everything that is wrong."""

    def check(file: str) -> str | None:
        try:
            return find_fault(directory, manifest, file, read_checksum)
        except OSError as error:
            return describe_error(error)

    with ThreadPoolExecutor(_READERS) as pool:
        found = zip(manifest.files, pool.map(check, manifest.files), strict=True)
        return tuple(f"{directory.name}/{file} {fault}" for file, fault in found if fault)


def find_fault(directory: Path, manifest: Manifest, file: str, checksum_of: Callable[[Path], int]) -> str | None:
    """What is wrong with a file, to follow its name; None if nothing is. Raises OSError if it cannot be read now."""
    path, size = directory / file, manifest.files.get(file)
    try:
        found = os.stat(path)  # noqa: PTH116 - half the time of Path.stat
        require_regular(path, found)
        if found.st_size != size:
            return f"has {found.st_size} bytes instead of {size}"
        altered = checksum_of(path) != manifest.checksums[file]
    except OSError as error:
        if is_damage(error):
            return describe_error(error)
        raise
    return "was changed: its checksum does not match" if altered else None


def cached_checksum(path: Path) -> int:
    """The checksum of a file, computed once per process: generations share files that never change."""
    # Not the path, because updates link files elsewhere. With the time, because inode numbers are reused.
    identity = file_identity(os.stat(path))  # noqa: PTH116
    known = _checksums.get(identity)
    if known is None:
        known = read_checksum(path)
        _checksums.add(identity, known)
    return known


def file_identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def drop_cached_checksum(identity: Identity) -> None:
    """After damage: a file that was changed in location, and mended, is the same file."""
    _checksums.pop(identity, None)


def read_checksum(path: Path) -> int:
    """Compute the XXH3 of a file, at 7 GB/s. Raises OSError if any part cannot be read."""
    with open(path, "rb", buffering=0, opener=open_regular) as file:
        found = _hash_mapped(file.fileno(), os.fstat(file.fileno()).st_size)
        if found is not None:
            return found
        digest, buffer = xxh3_64(), memoryview(bytearray(_BLOCK))
        while size := file.readinto(buffer):
            digest.update(buffer[:size])
    return digest.intdigest()


def _hash_mapped(descriptor: int, size: int) -> int | None:
    """Hash a file through a memory map, in a third less time than by reading it.

    Returns None if the file cannot be mapped, or if reading the map could kill the process with SIGBUS.
    """
    digest = xxh3_64()
    try:
        mapped = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
    except ValueError:  # an empty file, or one that has just been truncated
        return None
    with mapped, memoryview(mapped) as view:
        for start in range(0, size, _MAPPED):
            end = min(start + _MAPPED, size)
            if not populate(mapped, start, end - start):
                return None
            with view[start:end] as part:
                digest.update(part)
    return digest.intdigest()


def list_files(directory: Path, manifest: Manifest) -> tuple[OpenFile, ...]:
    """List the files of a generation that has just been opened. Raises OSError."""
    found = ((file, os.stat(directory / file)) for file in manifest.files)  # noqa: PTH116
    return tuple(
        OpenFile(
            path=directory / file,
            device=stat.st_dev,
            inode=stat.st_ino,
            size=manifest.files[file],
            checksum=manifest.checksums[file],
        )
        for file, stat in found
    )
