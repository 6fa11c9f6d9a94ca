"""A build makes a new generation current, or leaves everything as it was."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from index import generations, indexer
from index.documents.story import Story
from index.errors import BuildFailed, BuildRunning, IndexUnavailable, InputUnreadable, InvalidDocuments
from index.indexer import MAX_FAULTS, build_index, update_index
from index.live import LiveIndex
from index.query.requests import SearchQuery
from index.query.results import IndexStatus
from tests.support.factories import SAMPLE, build_stories, make_story, to_line, write_stories

BAD = b'{"id": "x y", "title": ""}\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An index of one story, named "old"."""
    return build_stories(tmp_path / "index", [make_story("old")])


def served(root: Path) -> list[str]:
    """The ids that the index at ``root`` answers with."""
    live = LiveIndex(root)
    try:
        with live.borrow() as generation:
            return sorted(hit.id for hit in generation.engine.search_stories(SearchQuery()).hits)
    finally:
        live.close()


def entries(root: Path) -> list[str]:
    return sorted(path.name for path in generations.directory_of(root).iterdir())


def write(path: Path, *parts: Story | bytes) -> Path:
    path.write_bytes(b"".join(to_line(part) if isinstance(part, Story) else part for part in parts))
    return path


# --- builds that succeed -----------------------------------------------------------------------------------


def test_a_build_is_current_and_its_manifest_says_what_it_is(tmp_path: Path) -> None:
    root = tmp_path / "new" / "index"
    report = build_index(root, [SAMPLE])
    name = generations.read_current(root)
    manifest = json.loads((generations.directory_of(root) / name / "manifest.json").read_bytes())
    sample = [json.loads(line) for line in SAMPLE.read_bytes().splitlines()]
    assert name == report.generation == manifest["generation"]
    assert name.startswith("g1-")
    assert report.status.stories == manifest["status"]["stories"] == len(sample)
    assert manifest["engine"] == "columns"
    assert (report.refused, report.rejects) == (0, None)
    assert report.bytes == sum(manifest["files"].values()) > 0
    assert len(served(root)) == min(20, len(sample))


def test_the_manifest_tells_the_size_of_every_file(root: Path) -> None:
    directory = generations.directory_of(root) / generations.read_current(root)
    manifest = json.loads((directory / "manifest.json").read_bytes())
    on_disk = {str(p.relative_to(directory)): p.stat().st_size for p in directory.rglob("*") if p.is_file()}
    assert manifest["files"] == {name: size for name, size in on_disk.items() if name != "manifest.json"}


def test_the_next_build_replaces_the_old_one_and_removes_it(root: Path, tmp_path: Path) -> None:
    report = build_index(root, [write(tmp_path / "new.ndjson", make_story("new"))])
    assert report.generation.startswith("g2-")
    assert served(root) == ["new"]
    assert entries(root) == [report.generation]


def test_several_files_make_one_index(tmp_path: Path) -> None:
    files = [write_stories(tmp_path / f"{n}.ndjson", [make_story(str(n))]) for n in range(3)]
    assert build_index(tmp_path / "index", files).status == IndexStatus(stories=3, sources=0, publishers=0, newest=None)
    assert served(tmp_path / "index") == ["0", "1", "2"]


def test_two_builds_of_one_input_differ_in_nothing_but_their_build_id_and_time(tmp_path: Path) -> None:
    manifests = []
    for name in ("a", "b"):
        build_index(tmp_path / name, [SAMPLE])
        directory = generations.directory_of(tmp_path / name) / generations.read_current(tmp_path / name)
        manifests.append(json.loads((directory / "manifest.json").read_bytes()))
    first, second = manifests
    assert first.pop("build") != second.pop("build")
    for varying in ("checksum", "built_at", "files"):
        del first[varying], second[varying]
    assert first == second


def test_progress_counts_the_stories_and_ends_at_the_whole_input(tmp_path: Path) -> None:
    told: list[tuple[int, float]] = []
    build_index(
        tmp_path / "index", [SAMPLE, write(tmp_path / "x", make_story("x"))], progress=lambda *p: told.append(p)
    )
    assert [count for count, _ in told] == list(range(1, len(told) + 1))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] == 1.0


def test_progress_of_a_file_that_grows_while_it_is_read_ends_at_the_whole_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "_size_of", lambda file: 100)
    told: list[float] = []
    build_index(tmp_path / "index", [SAMPLE], progress=lambda count, share: told.append(share))
    assert max(told) == 1.0


# --- input that is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parts",
    [
        (make_story("new"), BAD),
        (BAD,),
        (b"",),
        (b"\n\n",),
        (make_story("new"), b"x" * (4 * 1024 * 1024 + 1)),
        (b"\x1f\x8b cut",),
    ],
    ids=["one bad line", "only a bad line", "empty", "blank", "too long a line", "cut gzip"],
)
def test_a_build_that_refuses_its_input_leaves_the_old_index_current_and_readable(
    root: Path, tmp_path: Path, parts: tuple[Story | bytes, ...]
) -> None:
    before = entries(root)
    with pytest.raises(InvalidDocuments):
        build_index(root, [write(tmp_path / "new.ndjson", *parts)])
    assert entries(root) == before
    assert served(root) == ["old"]


def test_an_id_that_stands_twice_is_refused_and_told_with_both_places(root: Path, tmp_path: Path) -> None:
    one = write(tmp_path / "one.ndjson", make_story("1"), make_story("2"), make_story("1", title="Again"))
    two = write(tmp_path / "two.ndjson", make_story("3"), make_story("2"))
    with pytest.raises(InvalidDocuments) as caught:
        build_index(root, [one, two])
    assert [(fault.file, fault.line, fault.pointer, fault.problem) for fault in caught.value.faults] == [
        (str(one), 3, "/id", f"1 stands already at {one}:1"),
        (str(two), 2, "/id", f"2 stands already at {one}:2"),
    ]
    assert served(root) == ["old"]


def test_one_file_given_twice_is_refused_as_it_would_index_every_story_twice(root: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "one.ndjson", make_story("1"))
    with pytest.raises(InvalidDocuments):
        build_index(root, [file, file])


def test_the_faults_of_all_lines_of_all_files_are_told_at_once(root: Path, tmp_path: Path) -> None:
    one = write(tmp_path / "one.ndjson", BAD, make_story("1"), b"{\n")
    two = write(tmp_path / "two.ndjson", make_story("2"), b'{"id": "3"}\n')
    with pytest.raises(InvalidDocuments) as caught:
        build_index(root, [one, two])
    assert [(Path(fault.file).name, fault.line, fault.pointer) for fault in caught.value.faults] == [
        ("one.ndjson", 1, "/id"),
        ("one.ndjson", 1, "/title"),
        ("one.ndjson", 3, ""),
        ("two.ndjson", 2, "/title"),
    ]
    assert not caught.value.more
    assert f"{one}:1: /id: " in str(caught.value)


@pytest.mark.parametrize(("lines", "told", "more"), [(MAX_FAULTS - 1, MAX_FAULTS - 1, False), (250, MAX_FAULTS, True)])
def test_faults_are_told_up_to_a_limit(tmp_path: Path, lines: int, told: int, more: bool) -> None:
    with pytest.raises(InvalidDocuments) as caught:
        build_index(tmp_path / "index", [write(tmp_path / "page.html", b"<p>no story</p>\n" * lines)])
    assert [fault.line for fault in caught.value.faults] == list(range(1, told + 1))
    assert caught.value.more is more


@pytest.mark.parametrize("name", ["missing.ndjson", "."])
def test_an_input_that_cannot_be_read_leaves_the_old_index(root: Path, tmp_path: Path, name: str) -> None:
    before = entries(root)
    with pytest.raises(InputUnreadable):
        build_index(root, [write(tmp_path / "new.ndjson", make_story("new")), tmp_path / name])
    assert entries(root) == before
    assert served(root) == ["old"]


def test_a_build_of_no_files_is_refused(root: Path) -> None:
    with pytest.raises(BuildFailed):
        build_index(root, [])
    assert served(root) == ["old"]


# --- skipping what is invalid ------------------------------------------------------------------------------


def test_with_skip_invalid_the_rest_is_built_and_what_was_refused_is_kept_with_its_reasons(
    root: Path, tmp_path: Path
) -> None:
    file = write(tmp_path / "new.ndjson", make_story("1"), BAD, b"\xff\n", make_story("1"), make_story("2"))
    report = build_index(root, [file], skip_invalid=True)
    assert served(root) == ["1", "2"]
    assert report.refused == 3
    assert report.rejects == root / "rejects.ndjson"
    rejects = [json.loads(line) for line in report.rejects.read_bytes().splitlines()]
    assert [(reject["file"], reject["line"]) for reject in rejects] == [(str(file), line) for line in (2, 3, 4)]
    assert [[fault["pointer"] for fault in reject["faults"]] for reject in rejects] == [
        ["/id", "/title"],
        [""],
        ["/id"],
    ]
    assert rejects[0]["raw"].encode() == BAD.strip()
    assert all(fault["problem"] and fault["allowed"] for reject in rejects for fault in reject["faults"])


def test_the_rejects_are_no_part_of_the_generation_and_go_with_the_next_clean_build(root: Path, tmp_path: Path) -> None:
    build_index(root, [write(tmp_path / "a", make_story("1"), BAD)], skip_invalid=True)
    assert not list(generations.directory_of(root).rglob("rejects*"))
    assert build_index(root, [write(tmp_path / "b", make_story("1"))], skip_invalid=True).rejects is None
    assert not (root / "rejects.ndjson").exists()


def test_with_skip_invalid_input_without_any_story_still_leaves_the_old_index(root: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed):
        build_index(root, [write(tmp_path / "new.ndjson", BAD * 200)], skip_invalid=True)
    assert served(root) == ["old"]


# --- several at once, and what killed ones leave -----------------------------------------------------------


def test_a_second_build_at_once_is_refused_with_the_name_of_the_first(root: Path, tmp_path: Path) -> None:
    with generations.lock_for_build(root), pytest.raises(BuildRunning) as caught:
        build_index(root, [write(tmp_path / "new.ndjson", make_story("new"))])
    assert str(os.getpid()) in caught.value.owner
    assert served(root) == ["old"]
    build_index(root, [tmp_path / "new.ndjson"])
    assert served(root) == ["new"]


def test_what_killed_builds_left_is_removed_by_the_next_one(root: Path, tmp_path: Path) -> None:
    home = generations.directory_of(root)
    for leftover in ("building-g2", "building-g9", "removing-g1-s1-f1"):
        (home / leftover / "stories").mkdir(parents=True)
        (home / leftover / "stories" / "half").write_bytes(b"x")
    (root / "current.new").write_text("g9")
    report = build_index(root, [write(tmp_path / "new.ndjson", make_story("new"))])
    assert entries(root) == [report.generation]
    assert served(root) == ["new"]


def test_a_build_that_is_killed_leaves_the_old_index_and_no_lock(root: Path, tmp_path: Path) -> None:
    write_stories(tmp_path / "new.ndjson", [make_story("new")])
    # Killed from within, after the first story was written: the moment is always the same.
    program = (
        "import os, sys, pathlib, index.indexer as indexer\n"
        "root, file = map(pathlib.Path, sys.argv[1:])\n"
        "indexer.build_index(root, [file], progress=lambda *told: os.kill(os.getpid(), 9))\n"
    )
    command = [sys.executable, "-c", program, str(root), str(tmp_path / "new.ndjson")]
    assert subprocess.run(command, check=False).returncode == -9
    assert any(name.startswith("building-") for name in entries(root))
    assert served(root) == ["old"]
    report = build_index(root, [tmp_path / "new.ndjson"])
    assert served(root) == ["new"]
    assert entries(root) == [report.generation]


def test_an_interrupted_build_removes_what_it_wrote(root: Path, tmp_path: Path) -> None:
    def interrupt(count: int, share: float) -> None:
        raise KeyboardInterrupt

    before = entries(root)
    with pytest.raises(KeyboardInterrupt):
        build_index(root, [write(tmp_path / "new.ndjson", make_story("new"))], progress=interrupt)
    assert entries(root) == before
    assert served(root) == ["old"]


def test_a_generation_that_a_reader_holds_is_kept_until_it_lets_go(root: Path, tmp_path: Path) -> None:
    old = generations.read_current(root)
    held = generations.lock_shared(generations.directory_of(root) / old)
    assert held is not None
    with held:
        report = build_index(root, [write(tmp_path / "new.ndjson", make_story("new"))])
        assert entries(root) == sorted([old, report.generation])
    assert generations.remove_unused(root) == [old]
    assert entries(root) == [report.generation]


# --- disks that do not do what they should -----------------------------------------------------------------


def test_an_index_directory_that_is_a_file_is_told_clearly(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("a file")
    with pytest.raises(BuildFailed, match="could not write the index"):
        build_index(tmp_path / "index", [SAMPLE])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_the_right_to_write_is_told_clearly(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(BuildFailed, match="Permission denied"):
        build_index(tmp_path / "locked" / "index", [SAMPLE])


def test_a_disk_that_is_full_leaves_the_old_index(root: Path, tmp_path: Path) -> None:
    before = entries(root)
    # In a process of its own, for the limit cannot be raised again: no file may grow beyond 20 kB.
    program = (
        "import resource, signal, sys, pathlib, index.indexer as indexer, index.errors as errors\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try:\n"
        "    indexer.build_index(pathlib.Path(sys.argv[1]), sys.argv[2:])\n"
        "except errors.BuildFailed as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", program, str(root), str(SAMPLE)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "could not write the index" in done.stdout
    assert entries(root) == before
    assert served(root) == ["old"]


def test_a_lock_file_that_is_held_by_another_process_is_a_running_build(root: Path) -> None:
    with open(root / "build.lock", "r+", encoding="ascii") as lock:
        lock.truncate(0)
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BuildRunning, match="unknown process"):
            build_index(root, [SAMPLE])


def test_a_current_that_names_garbage_does_not_stop_the_next_build(root: Path, tmp_path: Path) -> None:
    (root / "current").write_bytes(b"\xff../../etc")
    with pytest.raises(IndexUnavailable):
        served(root)
    build_index(root, [write(tmp_path / "new.ndjson", make_story("new"))])
    assert served(root) == ["new"]


def test_a_damaged_old_generation_does_not_stop_the_next_build(root: Path, tmp_path: Path) -> None:
    directory = generations.directory_of(root) / generations.read_current(root)
    (directory / "ids.txt").write_bytes(b"\xff\xfe")
    (directory / "manifest.json").write_bytes(b"{")
    build_index(root, [write(tmp_path / "new.ndjson", make_story("new"))])
    assert served(root) == ["new"]


@pytest.mark.parametrize(
    "title", ["Ferry -robot", "-robot", '"ferry (-robot', "a OR -b", "x* -y", "(" * 99 + "x", "the -the", "w " * 9999]
)
def test_a_story_whose_title_reads_like_a_query_is_built_and_added(tmp_path: Path, title: str) -> None:
    story = make_story("1", title=title)
    assert served(build_stories(tmp_path / "alone", [story])) == ["1"]
    root = build_stories(tmp_path / "index", [make_story("2", title="Robot y b")])
    update_index(root, [write_stories(tmp_path / "new.ndjson", [story])])
    assert served(root) == ["1", "2"]
