"""The file of refused lines is bounded, whatever is refused, and says what is not in it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from index import rejects
from index.errors import BuildFailed, Fault
from index.indexer import BuildReport, build_index, update_index
from index.readers.ndjson import MAX_LINE, RejectedLine
from index.rejects import RejectsFile
from index.stores import directory
from scripts.cli import main
from tests.support.factories import build_stories, make_story, to_line

BAD = b'{"id": "x y"}\n'


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def build(tmp_path: Path, refused: bytes) -> tuple[BuildReport, list[dict[str, Any]]]:
    (tmp_path / "in.ndjson").write_bytes(to_line(make_story("1")) + refused)
    report = build_index(tmp_path / "index", [tmp_path / "in.ndjson"], skip_invalid=True)
    assert report.rejects == tmp_path / "index" / "rejects.ndjson"
    return report, read(report.rejects)


def test_what_has_no_room_is_counted_in_the_file_and_in_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejects, "MAX_BYTES", 5000)
    report, entries = build(tmp_path, BAD * 1000)
    assert report.rejects
    assert 4000 < report.rejects.stat().st_size <= 5000
    *kept, last = entries
    assert [entry["line"] for entry in kept] == list(range(2, len(kept) + 2))
    assert last == {"left_out": 1000 - len(kept), "reason": "this file holds at most 5,000 bytes"}
    assert (report.refused, report.left_out) == (1000, 1000 - len(kept))


def test_nothing_is_left_out_where_all_have_room(tmp_path: Path) -> None:
    report, entries = build(tmp_path, BAD * 1000)
    assert (report.refused, report.left_out, len(entries)) == (1000, 0, 1000)
    assert not any(entry["more_faults"] or entry["raw_is_cut"] for entry in entries)
    assert entries[0]["raw"].encode() == BAD.strip()


def test_after_an_entry_that_has_no_room_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejects, "MAX_BYTES", 3000)
    long = b'{"id": "%s"}\n' % (b"x" * 5000)
    report, entries = build(tmp_path, BAD + long + BAD)
    assert [entry.get("line") for entry in entries] == [2, None]
    assert report.left_out == 2


@pytest.mark.parametrize(
    "refused",
    [
        b"\x00" * MAX_LINE,
        b"\xff" * MAX_LINE,
        b'"' * MAX_LINE * 3,
        b"{" + b",".join(b'"%d\\u0001":1' % n for n in range(200_000)) + b"}",
        b'{"id": "1", "title": "A", "topics": [%s]}' % b",".join([b"{}"] * 1000),
    ],
)
def test_an_entry_is_bounded_whatever_the_line_is(tmp_path: Path, refused: bytes) -> None:
    report, (entry,) = build(tmp_path, refused)
    assert report.rejects
    assert report.rejects.stat().st_size < 100_000
    assert entry["raw_is_cut"] is (len(refused) > rejects.MAX_RAW)
    assert entry["more_faults"] is (refused[:1] == b"{")
    assert 1 <= len(entry["faults"]) <= 100


def test_the_last_entry_fits_whatever_its_number_is(tmp_path: Path) -> None:
    file = RejectsFile(tmp_path / "rejects.ndjson")
    line = RejectedLine(
        faults=(Fault(file="f", line=1, pointer="", problem="p", allowed="a"),), raw=b"\x01" * rejects.MAX_RAW
    )
    while not file.left_out:
        file.add(line)
    file.left_out = 10**18
    file.close()
    size = (tmp_path / "rejects.ndjson").stat().st_size
    assert rejects.MAX_BYTES - 200_000 < size <= rejects.MAX_BYTES


def test_the_file_of_the_last_build_stays_until_that_of_the_next_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, before = build(tmp_path, BAD)
    assert report.rejects

    def fail(path: Path) -> None:
        raise OSError(5, "Input/output error")

    (tmp_path / "in.ndjson").write_bytes(to_line(make_story("1")) + BAD * 2)
    monkeypatch.setattr(directory, "sync", fail)
    with pytest.raises(BuildFailed):
        build_index(tmp_path / "index", [tmp_path / "in.ndjson"], skip_invalid=True)
    assert read(report.rejects) == before


def test_a_file_whose_name_is_no_text_is_named_all_the_same(tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/in\xff.ndjson")
    Path(name).write_bytes(to_line(make_story("1")) * 2 + BAD)
    report = build_index(tmp_path / "index", [name], skip_invalid=True)
    assert report.rejects
    entries = read(report.rejects)
    assert [entry["file"] for entry in entries] == [f"{tmp_path}/in\\xff.ndjson"] * 2
    assert f"{tmp_path}/in\\xff.ndjson:1" in entries[0]["faults"][0]["problem"]


def test_an_update_bounds_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = build_stories(tmp_path / "index", [make_story("1")])
    monkeypatch.setattr(rejects, "MAX_BYTES", 1000)
    (tmp_path / "in.ndjson").write_bytes(to_line(make_story("2")) + BAD * 50)
    report = update_index(root, [tmp_path / "in.ndjson"], skip_invalid=True)
    assert report.rejects
    assert report.rejects.stat().st_size <= 1000
    assert report.left_out > 40


def test_the_command_says_how_many_lines_are_not_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejects, "MAX_BYTES", 1000)
    (tmp_path / "in.ndjson").write_bytes(to_line(make_story("1")) + BAD * 2000)
    arguments = ["build", str(tmp_path / "in.ndjson"), "--index", str(tmp_path / "index"), "--skip-invalid"]
    told = CliRunner().invoke(main, arguments).stderr
    left_out = read(tmp_path / "index" / "rejects.ndjson")[-1]["left_out"]
    assert told == f"refused lines, with reasons: {tmp_path}/index/rejects.ndjson; {left_out:,} more are not in it\n"


def test_a_file_name_of_control_characters_is_told_without_them(tmp_path: Path) -> None:
    name = tmp_path / "\x1b[2J\x07.ndjson"
    name.write_bytes(BAD)
    told = CliRunner().invoke(main, ["build", str(name), "--index", str(tmp_path / "index")]).stderr
    assert "[2J" in told
    assert not {"\x1b", "\x07"} & set(told)
