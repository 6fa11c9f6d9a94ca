"""What a generation is and what its files are, with checksums over every byte of both.

``manifest.json`` begins with ``{"checksum":"0123456789abcdef",``: the XXH3 of 64 bits of all bytes that follow. So no
bit of it can change unseen, and it is JSON all the same.
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
# What ends every name of a generation and of what a cluster keeps of one.
_VERSIONS = re.compile(r"-s(\d+)-f(\d+)\Z")
_GENERATION = re.compile(r"g\d+-s\d+-f\d+")
# A manifest has about 100 bytes for each file; an index of 100 million stories has some thousand files.
_MAX_BYTES = 16 * 1024 * 1024
_BLOCK = 256 * 1024
# What is mapped and hashed at once: all pages of it have to stay in memory.
_MAPPED = 16 * 1024 * 1024
# Hashing lets go of the interpreter.
_READERS = 2
Identity = tuple[int, int, int, int]
# 3 MB are 9,000 files.
CHECKSUMS = Budget(3 << 20)
_checksums: Cache[Identity, int] = Cache(CHECKSUMS)


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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


class OpenFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a generation that is open: where it was, which one it is, and what it has to hold."""

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
    """A JSON object with its checksum as the first member."""
    rest = encoded[1:]
    return _make_head(rest) + rest


def _make_head(rest: bytes) -> bytes:
    return b'{"checksum":"%s",' % xxh3_64_hexdigest(rest).encode()


def decode_manifest(data: bytes) -> Manifest:
    """Raises ValueError where it is not what ``encode_manifest`` made, to the last bit."""
    size = len(_make_head(b""))
    head, rest = data[:size], data[size:]
    if head != _make_head(rest):
        raise ValueError("was altered: its checksum is another")
    try:
        manifest = msgspec.json.decode(b"{" + rest, type=Manifest)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ValueError(f"is not what this version writes: {error}") from error
    if manifest.files.keys() != manifest.checksums.keys():
        raise ValueError("has files without a checksum, or checksums without a file")
    for file in manifest.files:
        if not _is_inside(file):
            raise ValueError(f"names a file that is not in the generation: {file[:100]!r}")
    return manifest


def _is_inside(file: str) -> bool:
    """Whether it is a plain relative path, in the one spelling that there is of it."""
    path = PurePosixPath(file)
    return (
        str(path) == file
        and bool(path.name)
        and not path.is_absolute()
        and ".." not in path.parts
        and ("\0" not in file)
    )


def read_manifest(place: object, directory: Path, engine: str, format_version: int) -> Manifest:
    """The manifest of the generation in ``directory``, whose files are not looked at.

    Raises VersionMismatch, IndexDamaged, or IndexUnavailable where it cannot be read for now.
    """
    if _GENERATION.fullmatch(directory.name):
        # Before anything is read: what another version wrote has another form.
        check_versions(place, directory.name, format_version)
    try:
        manifest = decode_manifest(read_regular(directory / MANIFEST, _MAX_BYTES))
    except OSError as error:
        raise make_unreadable_error(place, f"{directory.name}/{MANIFEST}", error) from error
    except ValueError as error:
        raise IndexDamaged(place, f"{directory.name}/{MANIFEST} {error}") from error
    compare_versions(place, manifest, engine, format_version)
    if _GENERATION.fullmatch(directory.name) and manifest.generation != directory.name:
        raise IndexDamaged(place, f"{directory.name}/{MANIFEST} is that of {manifest.generation[:100]!r}")
    return manifest


def check_versions(place: object, name: str, format_version: int) -> None:
    """Raises VersionMismatch where ``name`` ends in other versions than these."""
    versions = _VERSIONS.search(name)
    if versions is not None:
        _compare(place, "schema version", int(versions[1]), SCHEMA_VERSION)
        _compare(place, "format version", int(versions[2]), format_version)


def compare_versions(place: object, manifest: Manifest, engine: str, format_version: int) -> None:
    """Raises VersionMismatch where an engine of this version cannot read what the manifest is about."""
    _compare(place, "engine", manifest.engine, engine)
    _compare(place, "schema version", manifest.schema_version, SCHEMA_VERSION)
    _compare(place, "format version", manifest.format_version, format_version)


def _compare(place: object, what: str, found: object, expected: object) -> None:
    if found != expected:
        raise VersionMismatch(place, what, found, expected)


# --- the files that it is about ------------------------------------------------------------------------------------


def verify_files(place: object, directory: Path, manifest: Manifest, files: Collection[str] | None = None) -> None:
    """Compare the sizes and checksums of ``files``, of all unless some are named.

    Raises IndexDamaged for the first that is missing, cut or altered, IndexUnavailable where one cannot be read for
    now.
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
                raise make_unreadable_error(place, name, error) from error
            if fault:
                pool.shutdown(wait=False, cancel_futures=True)
                raise IndexDamaged(place, f"{name} {fault}")


def check_files(directory: Path, manifest: Manifest) -> tuple[str, ...]:
    """Everything that is wrong with the files of a generation, each read anew: what was remembered is not looked at."""

    def check(file: str) -> str | None:
        try:
            return find_fault(directory, manifest, file, read_checksum)
        except OSError as error:
            return describe_error(error)

    with ThreadPoolExecutor(_READERS) as pool:
        found = zip(manifest.files, pool.map(check, manifest.files), strict=True)
        return tuple(f"{directory.name}/{file} {fault}" for file, fault in found if fault)


def find_fault(directory: Path, manifest: Manifest, file: str, checksum_of: Callable[[Path], int]) -> str | None:
    """What is wrong with a file, as it follows its name. Raises OSError where it cannot be read for now."""
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
    return "was altered: its checksum is another" if altered else None


def cached_checksum(path: Path) -> int:
    """The checksum of a file, read once in a process: generations share files that never change."""
    # Not the path: an update links files to another place. The time, for numbers of removed files are given again.
    identity = file_identity(os.stat(path))  # noqa: PTH116
    known = _checksums.get(identity)
    if known is None:
        known = read_checksum(path)
        _checksums.add(identity, known)
    return known


def file_identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def drop_cached_checksum(identity: Identity) -> None:
    """After damage: a file that was changed in place, and mended, is the same file."""
    _checksums.pop(identity, None)


def read_checksum(path: Path) -> int:
    """The XXH3 of a file, at 7 GB/s. Raises OSError, also where a part of it cannot be read."""
    with open(path, "rb", buffering=0, opener=open_regular) as file:
        found = _hash_mapped(file.fileno(), os.fstat(file.fileno()).st_size)
        if found is not None:
            return found
        digest, buffer = xxh3_64(), memoryview(bytearray(_BLOCK))
        while size := file.readinto(buffer):
            digest.update(buffer[:size])
    return digest.intdigest()


def _hash_mapped(descriptor: int, size: int) -> int | None:
    """Hash a file through a mapping, which takes a third less than to copy it. None where that cannot be done, or would
    end the process if the file were cut, or the disk could not read it."""
    digest = xxh3_64()
    try:
        mapped = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
    except ValueError:  # an empty file, or one that has just been cut
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
    """The files of a generation that has just been opened. Raises OSError."""
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
