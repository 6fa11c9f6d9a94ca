"""Reads stories from NDJSON files, plain or gzip, with one line in memory at a time."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from msgspec import Struct

from index.documents.checks import InvalidStory, parse_story
from index.documents.story import Story
from index.errors import Fault, InputUnreadable

# Bytes of a line. The longest line of a real story has 6 kB.
MAX_LINE = 4 * 1024 * 1024
# Bytes of a longer line that an error report quotes.
_SHOWN = 1000
_GZIP, _BOM = b"\x1f\x8b", b"\xef\xbb\xbf"


class AcceptedLine(Struct, frozen=True, kw_only=True):
    """A valid input line.

    ``position``: bytes of the file, possibly compressed, read so far. Includes bytes that are buffered ahead.
    """

    story: Story
    file: str
    line: int
    raw: bytes
    position: int


class RejectedLine(Struct, frozen=True, kw_only=True):
    """An invalid input line, or an invalid file (line 0, or the line at which reading stopped).

    ``more``: there are other faults; ``cut``: ``raw`` is only the beginning of the line.
    """

    faults: tuple[Fault, ...]
    raw: bytes
    more: bool = False
    cut: bool = False


def iter_stories(path: str | Path) -> Iterator[AcceptedLine | RejectedLine]:
    """Yield the lines of one file in order, valid and invalid.

    The first bytes tell whether the file is gzip, not its name. A UTF-8 byte order mark and CRLF are removed; blank
    lines are skipped. An empty file and a truncated or damaged gzip file give a RejectedLine at the end. Raises
    InputUnreadable if the file cannot be opened or read.
    """
    name, accepted, number = describe_path(path), 0, 0
    try:
        with open(path, "rb") as file, _unzip(file) as stream:
            while line := stream.readline(MAX_LINE + 1):
                number += 1
                if number == 1:
                    line = line.removeprefix(_BOM)
                if len(line) > MAX_LINE:
                    _skip_line(stream, line)
                    fault = Fault(
                        file=name,
                        line=number,
                        pointer="",
                        problem="longer than 4 MB",
                        allowed=f"at most {MAX_LINE} bytes",
                    )
                    yield RejectedLine(faults=(fault,), raw=line[:_SHOWN], cut=True)
                elif line := line.strip():
                    accepted += 1
                    yield _read_line(name, number, line, file.tell() if file.seekable() else 0)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        yield _reject(name, number + 1, f"the gzip data is truncated or damaged: {error}", "a complete gzip file")
        return
    except OSError as error:
        raise InputUnreadable(name, error.strerror or str(error)) from error
    if not accepted and not number:
        yield _reject(name, 0, "the file is empty", "at least one story")
    elif not accepted:
        yield _reject(name, 0, "the file holds no story", "at least one story")


def describe_path(path: str | Path) -> str:
    """A path as text for messages. Bytes that are not UTF-8 are escaped, so that every output can encode them."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _unzip(file: BufferedReader) -> BufferedReader | gzip.GzipFile:
    return gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == _GZIP else file


def _skip_line(stream: BufferedReader | gzip.GzipFile, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = stream.readline(MAX_LINE)


def _read_line(name: str, number: int, line: bytes, position: int) -> AcceptedLine | RejectedLine:
    try:
        return AcceptedLine(story=parse_story(line), file=name, line=number, raw=line, position=position)
    except InvalidStory as error:
        return RejectedLine(
            faults=tuple(
                Fault(file=name, line=number, pointer=pointer, problem=problem, allowed=allowed)
                for pointer, problem, allowed in error.faults
            ),
            raw=line,
            more=error.more,
        )


def _reject(name: str, number: int, problem: str, allowed: str) -> RejectedLine:
    return RejectedLine(faults=(Fault(file=name, line=number, pointer="", problem=problem, allowed=allowed),), raw=b"")
