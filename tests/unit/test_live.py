"""Readers meet a switch: they see the new generation at once and lose nothing of the old one."""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from index import generations
from index.documents.stored_hit import encode_hit
from index.errors import IndexDamaged, IndexUnavailable, QueryTimeout, VersionMismatch
from index.files.scrub import Scrubber
from index.indexer import build_index
from index.live import LiveIndex
from index.query.requests import SearchQuery
from index.stores.base import GenerationHandle
from index.stores.directory import DirectoryStore
from tests.support.factories import build_stories, change_manifest, make_story, write_stories


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return build_stories(tmp_path / "index", [make_story("first")])


@pytest.fixture
def live(root: Path) -> Iterator[LiveIndex]:
    live = LiveIndex(root)
    yield live
    live.close()


def build(root: Path, *idents: str) -> str:
    file = write_stories(root.with_name("next.ndjson"), [make_story(ident) for ident in idents])
    return build_index(root, [file]).generation


def ids(live: LiveIndex) -> list[str]:
    with live.borrow() as generation:
        return sorted(hit.id for hit in generation.engine.search_stories(SearchQuery()).hits)


def on_disk(root: Path) -> list[str]:
    return sorted(path.name for path in generations.directory_of(root).iterdir())


def spoil(root: Path) -> None:
    """Make the current generation one that cannot be opened."""
    change_manifest(generations.find_current(root), schema_version=999)


def test_a_switch_is_seen_at_the_next_loan(live: LiveIndex, root: Path) -> None:
    assert ids(live) == ["first"]
    build(root, "second")
    assert ids(live) == ["second"]


def test_one_generation_is_opened_once(live: LiveIndex) -> None:
    with live.borrow() as one, live.borrow() as two:
        assert one is two


def test_an_index_that_is_built_later_is_seen_without_a_restart(tmp_path: Path) -> None:
    root = tmp_path / "later"
    live = LiveIndex(root)
    with pytest.raises(IndexUnavailable):
        ids(live)
    build(root, "1")
    assert ids(live) == ["1"]
    live.close()


def test_what_was_borrowed_goes_on_through_switches_and_goes_when_it_is_given_back(live: LiveIndex, root: Path) -> None:
    with live.borrow() as old:
        for name in ("second", "third"):
            build(root, name)
            assert ids(live) == [name]
            assert [story.id for story in old.engine.find_stories(["first"])] == ["first"]
            assert old.engine.search_stories(SearchQuery()).total == 1
        assert old.name in on_disk(root)
    assert on_disk(root) == [generations.read_current(root)]


def test_a_generation_that_nobody_borrowed_goes_with_the_switch(live: LiveIndex, root: Path) -> None:
    ids(live)
    new = build(root, "second")
    ids(live)
    assert on_disk(root) == [new]


def test_a_new_generation_that_cannot_be_opened_does_not_displace_the_old(live: LiveIndex, root: Path) -> None:
    with live.borrow() as old:
        build(root, "second")
        spoil(root)
        assert ids(live) == ["first"]
        assert old.engine.search_stories(SearchQuery()).total == 1
    assert ids(live) == ["first"]
    build(root, "third")
    assert ids(live) == ["third"]


def test_a_current_that_vanishes_or_is_garbage_does_not_displace_what_is_open(live: LiveIndex, root: Path) -> None:
    ids(live)
    kept = (root / "current").read_bytes()
    (root / "current").unlink()
    assert ids(live) == ["first"]
    (root / "current").write_bytes(b"garbage")
    assert ids(live) == ["first"]
    (root / "current").write_bytes(kept)
    assert ids(live) == ["first"]


def test_a_generation_that_was_mended_after_a_failure_is_opened(root: Path) -> None:
    spoil(root)
    live = LiveIndex(root)
    with pytest.raises(IndexUnavailable):
        ids(live)
    build(root, "mended")
    assert ids(live) == ["mended"]
    live.close()


def test_two_servers_of_one_index_keep_what_either_of_them_uses(live: LiveIndex, root: Path) -> None:
    other = LiveIndex(root)
    with other.borrow() as old:
        ids(live)
        build(root, "second")
        assert ids(live) == ["second"]
        assert old.name in on_disk(root)
        assert old.engine.search_stories(SearchQuery()).total == 1
    other.close()
    build(root, "third")
    assert ids(live) == ["third"]
    assert on_disk(root) == [generations.read_current(root)]


def test_closing_waits_for_what_is_borrowed(live: LiveIndex) -> None:
    with live.borrow() as generation:
        live.close()
        assert generation.engine.search_stories(SearchQuery()).total == 1


def test_a_closed_index_can_be_borrowed_from_again(live: LiveIndex) -> None:
    ids(live)
    live.close()
    assert ids(live) == ["first"]


def test_an_error_in_the_borrowers_block_gives_the_generation_back(live: LiveIndex, root: Path) -> None:
    with pytest.raises(ZeroDivisionError), live.borrow():
        raise ZeroDivisionError
    new = build(root, "second")
    assert ids(live) == ["second"]
    assert on_disk(root) == [new]


def test_threads_that_borrow_during_twenty_switches_never_fail(live: LiveIndex, root: Path) -> None:
    done, ready = threading.Event(), threading.Barrier(5)
    failures: list[BaseException] = []
    seen: set[str] = set()

    def ask() -> None:
        ready.wait()
        while not done.is_set():
            try:
                with live.borrow() as generation:
                    (hit,) = generation.engine.search_stories(SearchQuery()).hits
                    assert [encode_hit(story) for story in generation.engine.find_stories([hit.id])] == [hit.stored_hit]
                    seen.add(hit.id)
            except BaseException as failure:
                failures.append(failure)
                return

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    ready.wait()
    for number in range(20):
        build(root, f"story-{number}")
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(seen) > 5
    assert ids(live) == ["story-19"]
    assert on_disk(root) == [generations.read_current(root)]


# --- what a new generation may raise -------------------------------------------------------------------------------


class Clock:
    """A time that only a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FailingStore(DirectoryStore):
    """Fails with ``error`` to open what is current, if there is one."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.error: BaseException | None = None
        self.attempts = 0

    def open_current(self) -> GenerationHandle:
        self.attempts += 1
        if self.error is not None:
            raise self.error
        return super().open_current()


@pytest.fixture
def store(root: Path) -> FailingStore:
    return FailingStore(root)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watched(store: FailingStore, clock: Clock) -> Iterator[LiveIndex]:
    live = LiveIndex(store, clock)
    yield live
    live.close()


PASSING: list[Exception] = [
    OSError(errno.EMFILE, "Too many open files"),
    MemoryError(),
    PermissionError(errno.EACCES, "Permission denied"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    RuntimeError("can't start new thread"),
    ZeroDivisionError("a mistake of ours"),
    QueryTimeout(10),
    IndexUnavailable("there", "ids.txt cannot be read: Too many open files"),
]
passing = pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)


@passing
def test_whatever_a_new_generation_raises_the_open_one_goes_on_and_it_is_tried_again(
    watched: LiveIndex, store: FailingStore, clock: Clock, root: Path, error: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    assert ids(watched) == ["first"]
    build(root, "second")
    store.error, store.attempts = error, 0
    for delay in (5, 10, 20, 40, 60, 60):
        for _ in range(3):
            assert ids(watched) == ["first"]
            clock.now += 0.1
        attempts = store.attempts
        clock.now += delay - 0.4
        assert ids(watched) == ["first"]
        assert store.attempts == attempts
        clock.now += 0.2
    assert ids(watched) == ["first"]
    assert watched.open_failures == store.attempts == 7
    assert caplog.text.count("goes on serving") == 7
    # Where it is no error of Outpost the log says where it came from.
    assert ("Traceback" in caplog.text) == (not isinstance(error, IndexUnavailable))
    store.error = None
    clock.now += 60
    assert ids(watched) == ["second"]
    assert watched.open_failures == 7


@pytest.mark.parametrize("error", [IndexDamaged("there", "cut"), VersionMismatch("there", "schema version", 9, 1)])
def test_damage_is_looked_at_once_until_another_generation_is_built(
    watched: LiveIndex, store: FailingStore, clock: Clock, root: Path, error: Exception
) -> None:
    assert ids(watched) == ["first"]
    build(root, "second")
    store.error, store.attempts = error, 0
    for _ in range(5):
        assert ids(watched) == ["first"]
        clock.now += 1000
    assert store.attempts == watched.open_failures == 1
    store.error = None
    assert ids(watched) == ["first"]
    build(root, "third")
    assert ids(watched) == ["third"]


@passing
def test_where_none_is_open_whatever_is_raised_is_an_unavailable_index(
    watched: LiveIndex, store: FailingStore, clock: Clock, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    store.error = error
    for attempts in (1, 2):
        for _ in range(4):
            with pytest.raises(IndexUnavailable) as caught:
                ids(watched)
            assert type(caught.value) is IndexUnavailable
        # The requests in between cost nothing.
        assert store.attempts == watched.open_failures == attempts
        clock.now += 11
    assert ("Traceback" in caplog.text) == (not isinstance(error, IndexUnavailable))
    store.error = None
    assert ids(watched) == ["first"]


def test_a_damaged_index_is_not_read_anew_for_each_request(
    watched: LiveIndex, store: FailingStore, clock: Clock, root: Path
) -> None:
    spoil(root)
    for _ in range(5):
        with pytest.raises(VersionMismatch):
            ids(watched)
        clock.now += 1000
    assert store.attempts == 1
    # Somebody has mended it, and says so.
    change_manifest(generations.find_current(root), schema_version=1)
    os.utime(root / "current")
    assert ids(watched) == ["first"]


def test_an_error_that_many_requests_meet_keeps_no_frames(watched: LiveIndex, store: FailingStore) -> None:
    store.error = OSError(errno.EMFILE, "Too many open files")
    depths = []
    for _ in range(20):
        with pytest.raises(IndexUnavailable) as caught:
            ids(watched)
        depths.append(len(caught.traceback))
        assert caught.value.__cause__ is None
    assert len(set(depths[1:])) == 1


def test_threads_go_on_with_the_open_generation_while_one_tries_again(
    watched: LiveIndex, store: FailingStore, clock: Clock, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ids(watched) == ["first"]
    build(root, "second")
    store.error = MemoryError()
    assert ids(watched) == ["first"]
    clock.now += 10
    trying, done = threading.Event(), threading.Event()

    def try_long() -> GenerationHandle:
        trying.set()
        assert done.wait(30)
        raise MemoryError

    monkeypatch.setattr(store, "open_current", try_long)
    thread = threading.Thread(target=lambda: ids(watched))
    thread.start()
    assert trying.wait(30)
    assert ids(watched) == ["first"]
    done.set()
    thread.join()


def test_interrupts_are_not_taken_for_failures(watched: LiveIndex, store: FailingStore) -> None:
    store.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        ids(watched)
    store.error = None
    assert ids(watched) == ["first"]
    assert watched.open_failures == 0


def test_nothing_built_is_no_failure_and_is_seen_as_soon_as_it_is_built(tmp_path: Path) -> None:
    live = LiveIndex(tmp_path / "index")
    for _ in range(3):
        with pytest.raises(IndexUnavailable, match="nothing has been built"):
            ids(live)
    assert live.open_failures == 0
    build_stories(tmp_path / "index", [make_story("1")])
    assert ids(live) == ["1"]
    live.close()


def test_damage_that_is_found_while_a_switch_fails_is_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = build_stories(tmp_path / "index", [make_story("1")])
    live = LiveIndex(root)
    try:
        with live.borrow() as generation:
            file = generation.files[0]

        def fail() -> None:
            raise IndexDamaged(root, "the new one is cut")

        class FindsDamage(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if "goes on serving" in record.getMessage():
                    live._take_out(file, "was altered")

        monkeypatch.setattr(live._store, "open_current", fail)
        monkeypatch.setattr(live._store, "read_stamp", lambda: "another")
        handler = FindsDamage()
        logging.getLogger("index.live").addHandler(handler)
        try:
            for _ in range(3):
                with pytest.raises(IndexDamaged), live.borrow():
                    pass
        finally:
            logging.getLogger("index.live").removeHandler(handler)
    finally:
        live.close()


def test_without_a_thread_for_the_scrubber_an_index_is_served_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(scrubber: Scrubber) -> None:
        raise RuntimeError("can't start new thread")

    live = LiveIndex(build_stories(tmp_path / "index", [make_story("1")]))
    with monkeypatch.context() as patch:
        patch.setattr(Scrubber, "start", fail)
        with live.borrow():
            pass
    assert "is not checked for damage" in caplog.text
    build_stories(tmp_path / "index", [make_story("2")])
    with live.borrow():
        assert live._scrubber is not None
    live.close()
