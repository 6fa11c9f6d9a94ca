"""rejects.ndjson: the lines that a build refused, each with its faults, up to a size."""

from __future__ import annotations

from pathlib import Path

import msgspec

from index.readers.ndjson import RejectedLine

# Bytes of the whole file: some 20,000 refused stories of the usual length.
MAX_BYTES = 16 * 1024 * 1024
# Bytes of a line that are repeated, of which each may take six as JSON.
MAX_RAW = 10_000
# Room for the entry that says how many lines are not in the file.
_LAST_ENTRY = 200


class RejectsFile:
    """Writes the first entries that fit into MAX_BYTES, and counts the others in ``left_out``."""

    def __init__(self, path: Path) -> None:
        self.left_out = 0
        self._file = open(path, "wb")  # noqa: SIM115 - closed in close
        self._room = MAX_BYTES - _LAST_ENTRY

    def add(self, line: RejectedLine) -> None:
        """After an entry that does not fit none is written, so that the file is a beginning of what was refused."""
        if not self.left_out:
            entry = _encode(line)
            if len(entry) <= self._room:
                self._room -= len(entry)
                self._file.write(entry)
                return
        self.left_out += 1

    def close(self) -> None:
        try:
            if self.left_out:
                reason = f"this file holds at most {MAX_BYTES:,} bytes"
                self._file.write(msgspec.json.encode({"left_out": self.left_out, "reason": reason}) + b"\n")
        finally:
            self._file.close()


def _encode(line: RejectedLine) -> bytes:
    entry = {
        "file": line.faults[0].file,
        "line": line.faults[0].line,
        "faults": [{"pointer": f.pointer, "problem": f.problem, "allowed": f.allowed} for f in line.faults],
        "more_faults": line.more,
        "raw": line.raw[:MAX_RAW].decode(errors="backslashreplace"),
        "raw_is_cut": line.cut or len(line.raw) > MAX_RAW,
    }
    return msgspec.json.encode(entry) + b"\n"
