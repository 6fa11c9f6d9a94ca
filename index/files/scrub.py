"""Reads the files of the open generation again and again, slowly, and tells when one is not any more what it was.

Answers are read from mapped files, which nothing checks after they were opened: a page that goes bad in memory, on its
way from the disk, or because somebody wrote into a file, would be wrong answers or the end of the process. A file is
read with read(2), which sees the same pages as the mapping and reports what it cannot read.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Collection

from xxhash import xxh3_64

from index.files.disk import open_regular
from index.files.manifest import OpenFile, drop_cached_checksum, file_identity

# Bytes a second, which cost 0.9 % of a core; and a file is read at most once in so many seconds.
RATE, PERIOD = 20_000_000, 10.0
_BLOCK = 1024 * 1024
# What a file system says of a block that it cannot read, or whose own checksum is wrong.
_BAD_BLOCK = (errno.EIO, errno.EBADMSG, errno.EUCLEAN)
_log = logging.getLogger(__name__)


class Scrubber:
    """Reads what ``list_files`` returns, the file first that was read longest ago, and calls ``report`` with a file and
    what is wrong with it. ``start`` does so in a thread until ``stop``."""

    def __init__(self, list_files: Callable[[], Collection[OpenFile]], report: Callable[[OpenFile, str], None]) -> None:
        self._list_files, self._report = list_files, report
        self._stopped = threading.Event()
        self._read_at: dict[tuple[int, int], float] = {}
        self._thread = threading.Thread(target=self._run, name="scrub", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                pause = self.take_turn()
            except Exception:
                # Never without a guard, because of one file.
                _log.exception("a file of the index could not be checked")
                pause = PERIOD
            self._stopped.wait(pause)

    def take_turn(self) -> float:
        """Read the file whose turn it is, if it is due. Returns for how many seconds no file is."""
        now = time.monotonic()
        files = {(file.device, file.inode): file for file in self._list_files()}
        # A file that is new here has just been opened, and was checked for that.
        self._read_at = {key: self._read_at.get(key, now) for key in files}
        if not files:
            return PERIOD
        key = min(self._read_at, key=self._read_at.__getitem__)
        due = self._read_at[key] + PERIOD - now
        if due > 0:
            return due
        try:
            fault = self._find_fault(files[key])
        except OSError as error:
            _log.warning("%s cannot be checked: %s", files[key].path, error)
            fault = None
        self._read_at[key] = time.monotonic()
        if fault:
            self._report(files[key], fault)
        return 0.0

    def _find_fault(self, file: OpenFile) -> str | None:
        """None also where the path leads to another file by now: the one that answers are read from is out of reach."""
        try:
            with open(file.path, "rb", buffering=0, opener=open_regular) as stream:
                found = os.fstat(stream.fileno())
                if (found.st_dev, found.st_ino) != (file.device, file.inode):
                    return None
                if found.st_size != file.size:
                    return f"has {found.st_size} bytes instead of {file.size}"
                actual = self._read_slowly(stream.fileno())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno not in _BAD_BLOCK:
                raise
            return f"cannot be read: {error.strerror}"
        if actual is None or actual == file.checksum:
            return None
        # Whoever opens this file again in this process is to read it anew.
        drop_cached_checksum(file_identity(found))
        return "was altered: its checksum is another"

    def _read_slowly(self, descriptor: int) -> int | None:
        """The checksum of a file; None where the scrubber was stopped before its end."""
        digest, buffer, done, started = xxh3_64(), memoryview(bytearray(_BLOCK)), 0, time.monotonic()
        while size := os.readv(descriptor, [buffer]):
            digest.update(buffer[:size])
            done += size
            if self._stopped.wait(started + done / RATE - time.monotonic()):
                return None
        return digest.intdigest()
