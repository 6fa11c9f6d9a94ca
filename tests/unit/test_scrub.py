"""Damage that comes after an index was opened: found by reading it again, and then nothing is served from it."""

from __future__ import annotations

import errno
import logging
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.app import create_app
from api.settings import Settings
from index import generations
from index.errors import IndexDamaged, IndexUnavailable
from index.files import manifest, scrub
from index.files.manifest import OpenFile
from index.files.scrub import Scrubber
from index.indexer import build_index, update_index
from index.live import LiveIndex, OpenGeneration
from index.query.requests import SearchQuery
from tests.e2e.conftest import wait_until
from tests.support.factories import build_stories, make_story, write_stories


@pytest.fixture
def root(tmp_path: Path) -> Path:
    sources = [{"title": "A source", "url": "https://a.example/"}]
    return build_stories(tmp_path / "index", [make_story(str(n), topics=["AI"], sources=sources) for n in range(5)])


@pytest.fixture
def live(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveIndex]:
    """Open, without a thread: a test takes the turns."""
    monkeypatch.setattr(Scrubber, "start", lambda self: None)
    monkeypatch.setattr(Scrubber, "stop", lambda self: None)
    monkeypatch.setattr(scrub, "PERIOD", 0.0)
    live = LiveIndex(root)
    count(live)
    yield live
    live.close()


def count(live: LiveIndex) -> int:
    with live.borrow() as generation:
        return generation.engine.search_stories(SearchQuery()).total


def files_of(live: LiveIndex) -> tuple[OpenFile, ...]:
    with live.borrow() as generation:
        return generation.files


def read_all(live: LiveIndex) -> None:
    """As many turns as there are files."""
    scrubber = live._scrubber
    assert scrubber is not None
    for _ in files_of(live):
        scrubber.take_turn()


def flip(path: Path, bit: int) -> None:
    """In place, as nothing that is meant does it."""
    with open(path, "r+b") as file:
        byte = os.pread(file.fileno(), 1, bit // 8)[0]
        os.pwrite(file.fileno(), bytes([byte ^ 1 << bit % 8]), bit // 8)


def test_an_index_that_is_whole_stays_in_service(live: LiveIndex) -> None:
    for _ in range(3):
        read_all(live)
    assert count(live) == 5


def test_every_file_is_read_before_any_is_read_again(live: LiveIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = Scrubber._find_fault

    def find_fault(self: Scrubber, file: OpenFile) -> str | None:
        # Indexes of other tests are read meanwhile.
        if file in own:
            read.append(file.path.name)
        return real(self, file)

    own = files_of(live)
    monkeypatch.setattr(Scrubber, "_find_fault", find_fault)
    read_all(live)
    assert sorted(read) == sorted(file.path.name for file in files_of(live))


def test_a_bit_that_flips_in_any_file_takes_the_generation_out_of_service(
    live: LiveIndex, root: Path, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    rng = random.Random(3)
    build = write_stories(tmp_path / "in.ndjson", [make_story(str(n), topics=["AI"]) for n in range(5)])
    for number in range(len(files_of(live))):
        file = files_of(live)[number]
        if not file.size:
            continue
        flip(file.path, rng.randrange(8 * file.size))
        caplog.clear()
        read_all(live)
        with pytest.raises(IndexDamaged, match="was changed"):
            count(live)
        [line] = [record for record in caplog.records if "out of service" in record.message]
        assert (line.levelno, str(file.path) in line.message) == (logging.ERROR, True)
        # What is opened anew in this process is not taken for what it was.
        os.utime(root / "current")
        with pytest.raises(IndexDamaged, match="was changed"):
            count(live)
        build_index(root, [build])
        assert count(live) == 5


def test_a_file_that_is_cut_or_grows_is_found_without_touching_the_mapping(live: LiveIndex, root: Path) -> None:
    for name, change in (("documents.bin", -1), ("columns.bin", 1)):
        file = next(file for file in files_of(live) if file.path.name == name)
        os.truncate(file.path, file.size + change)
        read_all(live)
        with pytest.raises(IndexDamaged, match=f"{name} has {file.size + change} bytes instead of {file.size}"):
            count(live)
        build_stories(root, [make_story("1")])
        assert count(live) == 1


def test_requests_under_way_end_and_the_damaged_generation_goes_with_the_last(live: LiveIndex, root: Path) -> None:
    with live.borrow() as old:
        flip(old.files[-1].path, 0)
        read_all(live)
        with pytest.raises(IndexDamaged):
            count(live)
        assert old.engine.search_stories(SearchQuery()).total == 5
        build_stories(root, [make_story("1")])
        assert count(live) == 1
        assert old.name in [path.name for path in generations.list_generations(root)]
    assert [path.name for path in generations.list_generations(root)] == [generations.read_current(root)]


def test_an_update_of_a_damaged_index_is_refused_and_a_build_is_not(live: LiveIndex, root: Path) -> None:
    flip(next(file.path for file in files_of(live) if file.path.name == "columns.bin"), 77)
    manifest._checksums.clear()
    more = write_stories(root.with_name("more.ndjson"), [make_story("9")])
    with pytest.raises(IndexDamaged):
        update_index(root, [more])
    build_index(root, [more])
    assert count(live) == 1


def test_files_that_are_shared_with_a_new_generation_are_its_files_too(live: LiveIndex, root: Path) -> None:
    assert live._scrubber is not None
    read_all(live)
    shared = next(file for file in files_of(live) if file.path.name == "columns.bin")
    update_index(root, [write_stories(root.with_name("more.ndjson"), [make_story("9")])])
    assert count(live) == 6
    flip(shared.path if shared.path.exists() else next(
        file.path for file in files_of(live) if file.inode == shared.inode
    ), 99)  # fmt: skip
    # Found under its old name, as by a turn that had begun before the switch.
    live._withdraw(shared, "was changed")
    with pytest.raises(IndexDamaged):
        count(live)


def test_damage_in_a_generation_that_was_replaced_harms_nobody(live: LiveIndex, root: Path) -> None:
    old = files_of(live)[0]
    build_stories(root, [make_story("1")])
    assert count(live) == 1
    live._withdraw(old, "was changed")
    assert count(live) == 1


def test_files_that_are_gone_or_replaced_are_not_what_answers_are_read_from(live: LiveIndex, root: Path) -> None:
    """Whoever has them open goes on: mappings are of files, not of names."""
    paths = [file.path for file in files_of(live)]
    for path in paths[::2]:
        path.unlink()
    for path in paths[1::2]:
        path.rename(path.with_name("kept"))
        path.write_bytes(b"something else")
    read_all(live)
    assert count(live) == 5


@pytest.mark.parametrize(("number", "served"), [(errno.EIO, False), (errno.EMFILE, True), (errno.EACCES, True)])
def test_what_a_disk_cannot_read_is_damage_and_what_this_process_cannot_is_not(
    live: LiveIndex, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int, served: bool
) -> None:
    def readv(descriptor: int, buffers: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "readv", readv)
    read_all(live)
    assert os.strerror(number) in caplog.text
    if served:
        assert count(live) == 5
    else:
        with pytest.raises(IndexDamaged, match="cannot be read: Input/output error"):
            count(live)


def test_reading_is_as_slow_as_it_has_to_be(live: LiveIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    assert live._scrubber is not None

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        return False

    monkeypatch.setattr(live._scrubber._stopped, "wait", wait)
    monkeypatch.setattr(scrub, "RATE", 1)
    read_all(live)
    sizes = [file.size for file in files_of(live) if file.size]
    assert len(waited) == len(sizes)
    assert all(size - 60 < seconds <= size for seconds, size in zip(waited, sizes, strict=True))


def test_a_file_is_read_again_after_its_period_only(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scrubber, "start", lambda self: None)
    monkeypatch.setattr(Scrubber, "stop", lambda self: None)
    live = LiveIndex(root)
    files = files_of(live)
    flip(files[-1].path, 0)
    assert live._scrubber is not None
    # What has just been opened has just been checked.
    assert 0 < live._scrubber.take_turn() <= scrub.PERIOD
    assert count(live) == 5
    live.close()


def test_a_thread_reads_while_an_index_is_open_and_ends_with_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scrubbers() -> int:
        return sum(thread.name == "scrub" for thread in threading.enumerate())

    monkeypatch.setattr(scrub, "PERIOD", 0.01)
    before = scrubbers()
    live = LiveIndex(root)
    assert scrubbers() == before
    assert count(live) == 5
    for _ in range(3):
        build_stories(root, [make_story("1")])
        assert count(live) == 1
    assert scrubbers() == before + 1
    flip(files_of(live)[-1].path, 0)

    def is_damaged() -> bool:
        try:
            return count(live) != 1
        except IndexUnavailable:
            return True

    wait_until(is_damaged, "the damage to be found")
    live.close()
    assert scrubbers() == before


def test_a_mistake_of_ours_does_not_end_the_thread(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scrub, "PERIOD", 0.01)
    fail = threading.Event()
    fail.set()
    real = LiveIndex._list_files

    def list_files(self: LiveIndex) -> tuple[OpenFile, ...]:
        if fail.is_set():
            raise ZeroDivisionError
        return real(self)

    monkeypatch.setattr(LiveIndex, "_list_files", list_files)
    live = LiveIndex(root)
    flip(files_of(live)[-1].path, 0)
    wait_until(lambda: "could not be checked" in caplog.text, "the mistake in the log")
    assert count(live) == 5
    fail.clear()
    wait_until(lambda: "out of service" in caplog.text, "the damage to be found")
    live.close()


def test_the_server_says_that_it_is_out_of_service_until_a_build(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrub, "PERIOD", 0.01)
    app = create_app(Settings(index=root))
    client, live = app.test_client(), app.extensions["outpost.index"]
    assert client.get("/readyz").status_code == 200
    opened: OpenGeneration = live._open
    flip(next(file.path for file in opened.files if file.path.name == "answers.bin"), 4711)
    wait_until(lambda: client.get("/readyz").status_code == 503, "the damage to be found")
    for path in ("/v1/search?q=story", "/v1/stories/1", "/", "/v1/feeds/search.rss"):
        assert client.get(path).status_code == 503
    assert "outpost_index_up 0" in client.get("/metrics").text.splitlines()
    build_stories(root, [make_story("1")])
    assert client.get("/v1/search?q=story").get_json()["total"] == 1
    assert "outpost_index_up 1" in client.get("/metrics").text.splitlines()
    live.close()
