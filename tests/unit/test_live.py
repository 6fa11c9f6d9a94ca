"""Readers meet a switch: they see the new generation at once and lose nothing of the old one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from index import generations
from index.brief import encode_brief
from index.errors import IndexUnavailable
from index.indexer import build_index
from index.live import LiveIndex
from index.query import SearchQuery
from tests.factories import build_stories, change_manifest, make_story, write_stories


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
                    assert [encode_brief(story) for story in generation.engine.find_stories([hit.id])] == [hit.brief]
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
