"""Lines of JSON, plain or gzip, to stories: streamed, one line in memory at a time."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from msgspec import Struct

from index.documents.story import InvalidStory, Story, parse_story
from index.errors import Fault, InputUnreadable

# The longest real story line is 6 kB; what is a thousand times that is no story.
MAX_LINE = 4 * 1024 * 1024
# Bytes of a longer line that are kept to show which one it is.
_SHOWN = 1000
_GZIP, _BOM = b"\x1f\x8b", b"\xef\xbb\xbf"


class AcceptedLine(Struct, frozen=True, kw_only=True):
    """One input line that was accepted: the story and the place it stands at.

    ``position`` is how many bytes of the file, compressed as they may be, were read for it: what is read ahead
    included, so that it goes on in steps.
    """

    story: Story
    file: str
    line: int
    raw: bytes
    position: int


class RejectedLine(Struct, frozen=True, kw_only=True):
    """One input line (or a whole file, with line 0 or the line where reading broke off) that was refused.

    ``more`` says that ``faults`` are not all, ``cut`` that ``raw`` is only the beginning of the line.
    """

    faults: tuple[Fault, ...]
    raw: bytes
    more: bool = False
    cut: bool = False


def iter_stories(path: str | Path) -> Iterator[AcceptedLine | RejectedLine]:
    """The stories of one file, in order, refused lines among them.

    Compression is told by the first bytes, not by the name. A UTF-8 byte order mark and CRLF are taken
    off; blank lines are passed over. A file without a story, or a gzip file that is cut or damaged, ends
    in a RejectedLine. Raises InputUnreadable when the file cannot be opened or read.
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
        yield _refuse(name, number + 1, f"the gzip data is cut or damaged: {error}", "a whole gzip file")
        return
    except OSError as error:
        raise InputUnreadable(name, error.strerror or str(error)) from error
    if not accepted and not number:
        yield _refuse(name, 0, "the file is empty", "at least one story")
    elif not accepted:
        yield _refuse(name, 0, "the file holds no story", "at least one story")


def describe_path(path: str | Path) -> str:
    """A path as text for messages: bytes that are no UTF-8 are escaped, for no output could encode them."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _unzip(file: BufferedReader) -> BufferedReader | gzip.GzipFile:
    return gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == _GZIP else file


def _skip_line(stream: BufferedReader | gzip.GzipFile, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = stream.readline(MAX_LINE)


def _read_line(name: str, number: int, line: bytes, position: int) -> AcceptedLine | RejectedLine:
    try:
        return AcceptedLine(story=parse_story(line), file=name, line=number, raw=line, position=position)
    except InvalidStory as refused:
        return RejectedLine(
            faults=tuple(
                Fault(file=name, line=number, pointer=pointer, problem=problem, allowed=allowed)
                for pointer, problem, allowed in refused.faults
            ),
            raw=line,
            more=refused.more,
        )


def _refuse(name: str, number: int, problem: str, allowed: str) -> RejectedLine:
    return RejectedLine(faults=(Fault(file=name, line=number, pointer="", problem=problem, allowed=allowed),), raw=b"")
