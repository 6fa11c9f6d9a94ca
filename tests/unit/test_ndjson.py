"""Files as people send them: whole, cut, packed, damaged."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.documents.story import Story
from index.errors import InputUnreadable
from index.readers.ndjson import MAX_LINE, AcceptedLine, RejectedLine, iter_stories
from tests.support.factories import make_story, to_line
from tests.support.strategies import stories

GOOD = b'{"id": "1", "title": "A"}'
BOM = b"\xef\xbb\xbf"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stories.ndjson"


def read(path: Path, data: bytes) -> list[tuple[int, str]]:
    """The (line, id or problem) of all that a file of ``data`` gives."""
    path.write_bytes(data)
    return [outline(result) for result in iter_stories(path)]


def outline(result: AcceptedLine | RejectedLine) -> tuple[int, str]:
    if isinstance(result, AcceptedLine):
        return result.line, result.story.id
    return result.faults[0].line, result.faults[0].problem


def lines(*idents: str) -> bytes:
    return b"".join(to_line(make_story(ident)) for ident in idents)


# --- what is read ------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(corpus=st.lists(stories(), min_size=1, max_size=4), packed=st.booleans(), ends=st.sampled_from((b"\n", b"\r\n")))
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, corpus: list[Story], packed: bool, ends: bytes
) -> None:
    path = tmp_path_factory.mktemp("read") / "any name"
    data = b"".join(to_line(story) for story in corpus).replace(b"\n", ends)
    path.write_bytes(gzip.compress(data) if packed else data)
    results = list(iter_stories(path))
    assert [result.story for result in results if isinstance(result, AcceptedLine)] == corpus
    assert [outline(result)[0] for result in results] == list(range(1, len(corpus) + 1))


@pytest.mark.parametrize(
    "data",
    [
        lines("1", "2"),
        lines("1", "2").rstrip(b"\n"),
        lines("1", "2").replace(b"\n", b"\r\n"),
        BOM + lines("1", "2"),
        gzip.compress(lines("1", "2")),
        gzip.compress(BOM + lines("1", "2").replace(b"\n", b"\r\n")),
        gzip.compress(lines("1")) + gzip.compress(lines("2")),
    ],
    ids=["plain", "no last line break", "CRLF", "BOM", "gzip", "gzip of BOM and CRLF", "two gzip members"],
)
def test_files_of_every_make_give_the_same_stories(path: Path, data: bytes) -> None:
    assert read(path, data) == [(1, "1"), (2, "2")]


def test_blank_lines_are_passed_over_and_counted(path: Path) -> None:
    assert read(path, b"\n \t\r\n" + lines("1") + b"\n\n" + lines("2") + b"\n") == [(3, "1"), (6, "2")]


def test_a_byte_order_mark_is_taken_off_the_first_line_only(path: Path) -> None:
    assert read(path, BOM + lines("1") + BOM + lines("2"))[0] == (1, "1")
    assert [number for number, _ in read(path, BOM + lines("1") + BOM + lines("2"))] == [1, 2]
    assert "not JSON" in read(path, lines("1") + BOM + lines("2"))[1][1]


def test_the_bytes_of_an_accepted_line_are_kept(path: Path) -> None:
    path.write_bytes(b"  " + GOOD + b"\r\n")
    (result,) = iter_stories(path)
    assert result.raw == GOOD


# --- what is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "the file is empty"),
        (b"\n", "the file holds no story"),
        (b"\n \r\n\t\n", "the file holds no story"),
        (BOM, "the file holds no story"),
        (gzip.compress(b"", mtime=0), "the file is empty"),
        (gzip.compress(b"\n\n", mtime=0), "the file holds no story"),
    ],
)
def test_a_file_without_a_story_is_told_as_a_fault_of_the_file(path: Path, data: bytes, problem: str) -> None:
    assert read(path, data) == [(0, problem)]


def test_the_faults_of_several_lines_carry_the_numbers_of_their_lines(path: Path) -> None:
    data = lines("1") + b"{\n\n" + b'{"id": "2"}\n' + lines("3") + b"[]\n"
    assert [number for number, _ in read(path, data)] == [1, 2, 4, 5, 6]
    refused = [result for result in iter_stories(path) if isinstance(result, RejectedLine)]
    assert [(result.faults[0].line, result.faults[0].pointer) for result in refused] == [
        (2, ""),
        (4, "/title"),
        (6, ""),
    ]
    assert all(result.faults[0].file == str(path) for result in refused)
    assert refused[1].raw == b'{"id": "2"}'


@pytest.mark.parametrize("bad", [b"\xff\xfe", b'{"id": "1", "title": "\xff"}', b"\xed\xa0\x80", b"\x00" * 10])
def test_a_line_that_is_not_utf8_is_refused_and_the_next_is_read(path: Path, bad: bytes) -> None:
    results = read(path, bad + b"\n" + lines("1"))
    assert results[0][0] == 1
    assert results[1:] == [(2, "1")]


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_nesting_bomb_is_refused_and_the_next_line_is_read(path: Path, opening: bytes) -> None:
    assert read(path, opening * 100_000 + b"\n" + lines("1")) == [(1, "nested too deeply"), (2, "1")]


def test_a_line_of_4_mb_with_its_line_break_is_read_and_a_longer_one_refused(path: Path) -> None:
    frame = len(to_line(make_story("1", summary="x"))) - 1
    longest = to_line(make_story("1", summary="x" * (MAX_LINE - frame)))
    assert len(longest) == MAX_LINE
    longer = longest.replace(b"xx", b"xxx", 1)
    assert read(path, longest + longer + lines("2")) == [(1, "1"), (2, "longer than 4 MB"), (3, "2")]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_line_many_times_too_long_is_passed_over_whole(path: Path, size: int) -> None:
    assert read(path, b"x" * (MAX_LINE * size + 1) + b"\n" + lines("2")) == [(1, "longer than 4 MB"), (2, "2")]


def test_a_line_too_long_that_ends_the_file_is_one_fault(path: Path) -> None:
    assert read(path, lines("1") + b"x" * (MAX_LINE + 1)) == [(1, "1"), (2, "longer than 4 MB")]


def test_a_file_of_nothing_but_a_line_too_long_is_refused(path: Path) -> None:
    assert read(path, b"x" * (MAX_LINE + 1))[0] == (1, "longer than 4 MB")


_MEASURE_PEAK = """
import sys, tracemalloc
from pathlib import Path
from index.readers.ndjson import iter_stories
tracemalloc.start()
for _ in iter_stories(Path(sys.argv[1])):
    pass
print(tracemalloc.get_traced_memory()[1])
"""


def test_a_gzip_bomb_is_refused_in_the_memory_of_a_few_lines(path: Path) -> None:
    bomb = gzip.compress(b"{" + b" " * (32 * MAX_LINE) + b"}\n" + lines("2"), compresslevel=1)
    path.write_bytes(bomb)
    assert [outline(result) for result in iter_stories(path)] == [(1, "longer than 4 MB"), (2, "2")]
    # In a process of its own: other threads of this one allocate meanwhile.
    ran = subprocess.run([sys.executable, "-c", _MEASURE_PEAK, path], capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 5 * MAX_LINE


PACKED = gzip.compress(lines(*map(str, range(1, 200))), mtime=0)


@pytest.mark.parametrize("size", [3, 10, 20, len(PACKED) // 2, len(PACKED) - 9, len(PACKED) - 8, len(PACKED) - 1])
def test_a_gzip_file_that_is_cut_gives_what_is_whole_and_then_a_fault(path: Path, size: int) -> None:
    *good, (number, problem) = read(path, PACKED[:size])
    assert good == [(n, str(n)) for n in range(1, len(good) + 1)]
    assert number == len(good) + 1
    assert "cut or damaged" in problem


@pytest.mark.parametrize("place", [2, len(PACKED) // 2, len(PACKED) - 6])
def test_a_gzip_file_that_is_damaged_ends_in_a_fault(path: Path, place: int) -> None:
    damaged = bytearray(PACKED)
    damaged[place] ^= 0xFF
    results = read(path, bytes(damaged))
    assert "cut or damaged" in results[-1][1]


def test_a_gzip_file_with_other_things_after_it_ends_in_a_fault(path: Path) -> None:
    assert "cut or damaged" in read(path, PACKED + b"trailing")[-1][1]


@settings(max_examples=60, deadline=None)
@given(data=st.one_of(st.binary(max_size=200), st.builds(b"\x1f\x8b".__add__, st.binary(max_size=60))))
def test_no_bytes_at_all_are_an_error_of_our_own_or_pass_in_silence(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "file"
    assert read(path, data)


@pytest.mark.parametrize("kind", ["missing", "directory"])
def test_a_file_that_cannot_be_opened_is_told_by_name_and_reason(tmp_path: Path, kind: str) -> None:
    path = tmp_path if kind == "directory" else tmp_path / "missing.ndjson"
    with pytest.raises(InputUnreadable) as caught:
        list(iter_stories(path))
    assert caught.value.file == str(path)
    assert caught.value.reason


def test_reading_stops_where_the_reader_stops(path: Path) -> None:
    path.write_bytes(lines("1") + b"x" * 1000)
    results = iter_stories(path)
    assert isinstance(next(results), AcceptedLine)
    results.close()  # type: ignore[attr-defined]  # a generator; the file is closed, or a warning fails the test
