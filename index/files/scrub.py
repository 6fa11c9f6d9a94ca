"""Re-reads the files of the open generation slowly, in a loop, and reports files that have changed.

Answers come from memory-mapped files, which are checked only when they are opened. A page that is damaged later, in
memory, by the disk or by another program, would give wrong answers or kill the process. The scrubber uses read(2): it
sees the same pages as the map and gets an error for unreadable ones.
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

# RATE: bytes per second, which take 0.9 % of a core. PERIOD: seconds between two reads of the same file, at least.
RATE, PERIOD = 20_000_000, 10.0
_BLOCK = 1024 * 1024
# Errors for a block that the file system cannot read, or whose checksum is wrong.
_BAD_BLOCK = (errno.EIO, errno.EBADMSG, errno.EUCLEAN)
_log = logging.getLogger(__name__)


class Scrubber:
    """Checks the files that ``list_files`` returns, the one that was not read for longest first.

    Calls ``report`` with a damaged file and what is wrong with it. Runs in a thread from ``start`` to ``stop``.
    """

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
                # One file must not stop the scrubber.
                _log.exception("a file of the index could not be checked")
                pause = PERIOD
            self._stopped.wait(pause)

    def take_turn(self) -> float:
        """Check the next file if it is due. Returns the seconds until a file is due."""
        now = time.monotonic()
        files = {(file.device, file.inode): file for file in self._list_files()}
        # A new file has just been opened, and was checked then.
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
        """What is wrong with the file. None if nothing is, or if the path leads to another file now."""
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
        # So that the next opening in this process computes the checksum again.
        drop_cached_checksum(file_identity(found))
        return "was changed: its checksum does not match"

    def _read_slowly(self, descriptor: int) -> int | None:
        """The checksum of a file, read at RATE; None if the scrubber was stopped."""
        digest, buffer, done, started = xxh3_64(), memoryview(bytearray(_BLOCK)), 0, time.monotonic()
        while size := os.readv(descriptor, [buffer]):
            digest.update(buffer[:size])
            done += size
            if self._stopped.wait(started + done / RATE - time.monotonic()):
                return None
        return digest.intdigest()
