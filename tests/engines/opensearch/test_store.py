"""Generations on a cluster: built aside, switched to in one step, changed where they are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from index.documents.story import Story
from index.engines.opensearch.build.lock import hold_lock
from index.engines.opensearch.connection.address import ClusterAddress
from index.errors import (
    BuildFailed,
    BuildRunning,
    Gone,
    IndexDamaged,
    IndexMissing,
    IndexUnavailable,
    InvalidDocuments,
    NotFound,
    QueryTimeout,
    VersionMismatch,
)
from index.indexer import build_index, delete_stories, merge_index, update_index
from index.live import LiveIndex, OpenGeneration
from index.query.language import parse_query
from index.query.requests import FacetRequest, SearchQuery, SourceQuery
from index.search import get_story
from index.stores import store_of
from index.stores.cluster import ClusterStore
from tests.support.factories import SAMPLE, make_story, to_line, write_stories
from tools.opensearch_node import ROOT, Node

pytestmark = pytest.mark.xdist_group("opensearch")


@pytest.fixture
def address(node: Node, tmp_path: Path) -> Iterator[ClusterAddress]:
    """An alias of its own, whose indices are removed at the end."""
    alias = f"t{uuid4().hex[:10]}"
    yield ClusterAddress((("127.0.0.1", node.port),), alias, scratch=tmp_path / "scratch")
    requests.delete(f"{node.url}/{alias}-*", timeout=30)


@pytest.fixture
def store(address: ClusterAddress) -> ClusterStore:
    return ClusterStore(address, replicas=0)


def build(store: ClusterStore, tmp_path: Path, *stories: Story) -> str:
    return build_index(store, [write_stories(tmp_path / "in.ndjson", stories)]).generation


def read(address: ClusterAddress) -> OpenGeneration:
    """The current generation as a server that starts now sees it."""
    live = LiveIndex(address)
    with live.borrow() as generation:
        return generation


def wait_until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ids(generation: OpenGeneration) -> list[str]:
    return sorted(hit.id for hit in generation.engine.search_stories(SearchQuery(limit=100)).hits)


def indices(node: Node, address: ClusterAddress) -> set[str]:
    listed = requests.get(f"{node.url}/_cat/indices/{address.alias}-g*?h=index&format=json", timeout=30).json()
    return {entry["index"] for entry in listed if entry["index"].count("-") == 3}


def test_what_was_built_is_read_with_its_manifest_from_the_cluster_alone(
    store: ClusterStore, address: ClusterAddress
) -> None:
    report = build_index(store, [SAMPLE])
    generation = read(address)
    assert (generation.name, generation.manifest.status) == (report.generation, report.status)
    assert generation.manifest.engine == "opensearch"
    assert report.bytes > 0
    assert len(ids(generation)) == report.status.stories == 72


def test_nothing_built_and_no_cluster_are_both_told(address: ClusterAddress) -> None:
    with pytest.raises(IndexUnavailable, match="nothing has been built"):
        read(address)
    away = replace(address, hosts=(("127.0.0.1", 1),))
    with pytest.raises(IndexUnavailable, match="nobody answers"):
        read(away)
    with pytest.raises(IndexUnavailable, match="nobody answers"):
        build_index(away, [SAMPLE])


def test_a_build_replaces_the_one_before_and_keeps_it_for_those_who_read_it(
    store: ClusterStore, address: ClusterAddress, node: Node, tmp_path: Path
) -> None:
    first = build(store, tmp_path, make_story("a"), make_story("b"))
    old = read(address)
    second = build(store, tmp_path, make_story("b"), make_story("c"))
    assert ids(old) == ["a", "b"]
    fresh = read(address)
    assert ids(fresh) == ["b", "c"]
    assert indices(node, address) == {f"{address.alias}-{first}", f"{address.alias}-{second}"}
    with pytest.raises(Gone):
        get_story(fresh, "a")
    with pytest.raises(NotFound):
        get_story(fresh, "zebra")
    third = build(store, tmp_path, make_story("c"))
    assert indices(node, address) == {f"{address.alias}-{second}", f"{address.alias}-{third}"}
    for gone in ("a", "b"):
        with pytest.raises(Gone):
            get_story(read(address), gone)


def test_a_missing_story_is_told_with_ids_that_look_alike(
    store: ClusterStore, address: ClusterAddress, tmp_path: Path
) -> None:
    build(store, tmp_path, *(make_story(f"story-{n}") for n in range(300)), make_story("zebra"))
    generation = read(address)
    with pytest.raises(NotFound) as caught:
        get_story(generation, "story-2499")
    assert "story-249" in caught.value.near
    assert generation.story_ids.find_similar("\ud800") == ()


def test_a_switch_is_seen_by_a_server_that_runs(
    store: ClusterStore, address: ClusterAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.stores.cluster._FRESH", 0.0)
    build(store, tmp_path, make_story("a"))
    live = LiveIndex(address)
    with live.borrow() as old:
        build(store, tmp_path, make_story("b"))
        with live.borrow() as fresh:
            assert (ids(old), ids(fresh)) == (["a"], ["b"])
    live.close()


def test_updates_change_what_is_there_and_give_it_another_name(
    store: ClusterStore, address: ClusterAddress, node: Node, tmp_path: Path
) -> None:
    url = "https://example.com/a"
    first = build(
        store, tmp_path,
        make_story("a", topics=["AI"], sources=[{"url": url, "publisher": {"name": "Harbour Post"}}]),
        make_story("b", topics=["Ai"], title="Ferries"),
    )  # fmt: skip
    before = indices(node, address)
    added = write_stories(tmp_path / "more.ndjson", [make_story("b", title="Robots", topics=["AI"]), make_story("c")])
    report = update_index(store, [added])
    assert report.generation != first
    assert report.status.stories == 3
    generation = read(address)
    assert generation.name == report.generation
    assert indices(node, address) == before
    facet = generation.engine.search_stories(SearchQuery(facets=FacetRequest(names=("topic",)))).facets["topic"]
    assert [(value.label, value.count) for value in facet.values] == [("AI", 2)]
    deleted, missing = delete_stories(store, ["a", "never"])
    assert missing == ["never"]
    assert deleted
    assert (deleted.status.stories, deleted.status.sources, deleted.status.publishers) == (2, 0, 0)
    generation = read(address)
    assert list(generation.engine.list_publishers()) == []
    with pytest.raises(Gone):
        get_story(generation, "a")
    assert delete_stories(store, ["a"]) == (None, ["a"])
    assert merge_index(store).status.stories == 2
    assert ids(read(address)) == ["b", "c"]
    assert update_index(store, [write_stories(tmp_path / "back.ndjson", [make_story("a")])]).status.stories == 3
    assert get_story(read(address), "a").id == "a"


def test_a_fault_in_the_input_changes_nothing(store: ClusterStore, address: ClusterAddress, tmp_path: Path) -> None:
    build(store, tmp_path, make_story("a"))
    broken = tmp_path / "broken.ndjson"
    broken.write_bytes(to_line(make_story("b")) + b"{}\n")
    for change in (build_index, update_index):
        with pytest.raises(InvalidDocuments):
            change(store, [broken])
        assert ids(read(address)) == ["a"]
    report = update_index(store, [broken], skip_invalid=True)
    assert report.refused == 1
    assert report.rejects
    assert b"is missing" in report.rejects.read_bytes()
    assert not report.rejects.with_suffix(".new").exists()
    assert update_index(store, [write_stories(tmp_path / "c.ndjson", [make_story("c")])]).rejects is None
    assert not report.rejects.exists()


def test_an_update_that_was_interrupted_is_mended_by_the_next(
    store: ClusterStore, address: ClusterAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(store, tmp_path, make_story("a", topics=["AI"], sources=[{"title": "One", "publisher": {"name": "Post"}}]))
    more = write_stories(tmp_path / "more.ndjson", [make_story("b", topics=["AI"], title="Ferry")])
    with monkeypatch.context() as patch:
        patch.setattr("index.engines.opensearch.build.updater.ClusterUpdater._update_sources", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            update_index(store, [more])
    # The story is there, what is counted is not.
    last = write_stories(tmp_path / "last.ndjson", [make_story("c", topics=["AI"])])
    assert update_index(store, [last]).status.stories == 3
    generation = read(address)
    facet = generation.engine.search_stories(SearchQuery(facets=FacetRequest(names=("topic",)))).facets["topic"]
    assert [value.count for value in facet.values] == [3]
    assert [(p.id, p.story_count, p.source_count) for p in generation.engine.list_publishers()] == [("post", 1, 1)]
    assert [near.word for near in generation.engine.fuzzy_terms("fery", 1)] == ["ferry"]


def test_the_second_of_two_builds_is_told_of_the_first(
    store: ClusterStore, address: ClusterAddress, tmp_path: Path
) -> None:
    build(store, tmp_path, make_story("a"))
    with hold_lock(store._cluster, address), pytest.raises(BuildRunning, match=f"process {os.getpid()}"):
        build(store, tmp_path, make_story("b"))
    assert ids(read(address)) == ["a"]
    build(store, tmp_path, make_story("b"))


STOPPED = """
import sys
import time
from pathlib import Path
from index.indexer import build_index
from index.engines.opensearch.connection.address import ClusterAddress
address = ClusterAddress((("127.0.0.1", int(sys.argv[1])),), sys.argv[2], scratch=Path(sys.argv[3]))
def stop(count, share):
    if count == 50:
        print("half", flush=True)
        sys.stdin.readline()
print(build_index(address, [sys.argv[4]], progress=stop).generation, flush=True)
"""


def test_of_two_processes_that_build_at_once_the_second_is_told_and_the_first_ends_well(
    store: ClusterStore, address: ClusterAddress, node: Node, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", STOPPED, str(node.port), address.alias, str(tmp_path), str(SAMPLE)]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdin
        assert first.stdout
        assert first.stdout.readline() == "half\n"
        for change in (lambda: build(store, tmp_path, make_story("b")), lambda: delete_stories(store, ["1"])):
            with pytest.raises(
                (BuildRunning, IndexUnavailable), match=f"process {first.pid} on|nothing has been built"
            ):
                change()
        first.stdin.write("\n")
        first.stdin.flush()
        assert first.stdout.readline() == f"{read(address).name}\n"
    assert len(ids(read(address))) == 72


def test_a_build_that_was_not_heard_of_for_a_minute_is_dead_and_says_so_when_it_comes_back(
    store: ClusterStore, address: ClusterAddress, node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.engines.opensearch.build.lock._BEAT", 0.05)
    place = f"{node.url}/{address.alias}-lock/_doc/build"
    with hold_lock(store._cluster, address) as lock:
        # Another machine holds it: this one was cut off while its minute went by.
        other = {"host": "elsewhere.example.com", "process": 7, "beat": time.time()}
        assert requests.put(place, json=other, timeout=30).ok
        wait_until(lambda: lock._lost)
        with pytest.raises(BuildFailed, match="another build has begun"):
            lock.check()
    with pytest.raises(BuildRunning, match=r"process 7 on elsewhere\.example\.com"):
        build(store, tmp_path, make_story("a"))
    assert requests.put(place, json={**other, "beat": time.time() - 61}, timeout=30).ok
    build(store, tmp_path, make_story("a"))
    assert ids(read(address)) == ["a"]


KILLED = """
import os, sys
from pathlib import Path
from index.indexer import build_index
from index.engines.opensearch.connection.address import ClusterAddress
address = ClusterAddress((("127.0.0.1", int(sys.argv[1])),), sys.argv[2], scratch=Path(sys.argv[3]))
build_index(address, [sys.argv[4]], progress=lambda count, share: count < 50 or os.kill(os.getpid(), 9))
"""


def test_a_killed_build_leaves_the_old_stories_and_is_cleaned_by_the_next(
    store: ClusterStore, address: ClusterAddress, node: Node, tmp_path: Path
) -> None:
    first = build(store, tmp_path, make_story("a"))
    command = [sys.executable, "-c", KILLED, str(node.port), address.alias, str(tmp_path), str(SAMPLE)]
    ended = subprocess.run(command, cwd=ROOT, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert ids(read(address)) == ["a"]
    left = indices(node, address) - {f"{address.alias}-{first}"}
    assert len(left) == 1
    third = build(store, tmp_path, make_story("b"))
    assert indices(node, address) == {f"{address.alias}-{first}", f"{address.alias}-{third}"}


def test_a_refused_document_is_told_with_its_story_and_the_old_stories_stay(
    store: ClusterStore, address: ClusterAddress, tmp_path: Path
) -> None:
    build(store, tmp_path, make_story("a"))
    endless = make_story("endless", sources=[{"publisher": {"domain": "d" * 40_000}}])
    with pytest.raises(BuildFailed, match=r"story endless: .*immense term"):
        build(store, tmp_path, make_story("b"), endless)
    assert ids(read(address)) == ["a"]


def test_an_index_of_another_version_is_told_and_may_be_built_over(
    store: ClusterStore, address: ClusterAddress, node: Node, tmp_path: Path
) -> None:
    name = build(store, tmp_path, make_story("a"))
    url = f"{node.url}/{address.alias}-{name}/_mapping"
    meta = next(iter(requests.get(url, timeout=30).json().values()))["mappings"]["_meta"]
    meta["outpost"]["format_version"] = 999
    assert requests.put(url, json={"_meta": meta}, timeout=30).ok
    with pytest.raises(VersionMismatch, match="format version is 999"):
        read(address)
    with pytest.raises(VersionMismatch):
        update_index(store, [SAMPLE])
    build(store, tmp_path, make_story("b"))
    assert ids(read(address)) == ["b"]


def test_shards_and_replicas_are_those_asked_for_and_the_mapping_is_strict(
    address: ClusterAddress, node: Node, tmp_path: Path
) -> None:
    store = store_of(address, shards=3, replicas=0)
    assert isinstance(store, ClusterStore)
    name = build(store, tmp_path, *(make_story(str(n), topics=[f"T{n % 7}"]) for n in range(60)))
    index = f"{node.url}/{address.alias}-{name}"
    settings = next(iter(requests.get(f"{index}/_settings", timeout=30).json().values()))["settings"]["index"]
    assert (settings["number_of_shards"], settings["number_of_replicas"]) == ("3", "0")
    refused = requests.post(f"{index}/_doc", json={"unheard_of": 1}, timeout=30)
    assert refused.status_code == 400
    facet = (
        read(address).engine.search_stories(SearchQuery(facets=FacetRequest(names=("topic",), size=2))).facets["topic"]
    )
    assert [(value.label, value.count) for value in facet.values] == [("T0", 9), ("T1", 9)]
    assert facet.other == 42


def test_numbers_are_exact_over_several_shards(address: ClusterAddress, tmp_path: Path) -> None:
    counts = [n % 9 for n in range(300)] + [3] * 2
    times = [f"2025-01-01T00:00:{n % 50:02}Z" for n in range(302)]
    made = (
        make_story(str(n), sources=[{}] * count, published_at=time)
        for n, (count, time) in enumerate(zip(counts, times, strict=True))
    )
    build(ClusterStore(address, shards=3, replicas=0), tmp_path, *made)
    engine = read(address).engine
    assert engine.number_stats(SearchQuery(), "source_count", 1).values == ((3, 35),)
    # 302 stories in 50 seconds: of the first two seconds one story more than of the others.
    assert engine.number_stats(SearchQuery(), "published_at", 3).values == (
        (1735689600, 7), (1735689601, 7), (1735689602, 6),
    )  # fmt: skip
    whole = engine.number_stats(SearchQuery(), "source_count", 100)
    assert (whole.count, whole.low, whole.high, whole.total) == (302, 0, 8, sum(counts))
    assert whole.values == tuple(Counter(sorted(counts)).most_common())


def test_a_search_may_be_given_less_time_and_never_more(
    store: ClusterStore, address: ClusterAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(store, tmp_path, make_story("a"))
    engine = read(address).engine
    for seconds in (0.0, -1.0):
        for ask in (engine.search_stories, lambda q: engine.number_stats(q, "source_count", 1)):
            with pytest.raises(QueryTimeout):
                ask(SearchQuery(seconds=seconds))
        with pytest.raises(QueryTimeout):
            engine.search_sources(SourceQuery(seconds=seconds))
    assert engine.search_stories(SearchQuery(seconds=60.0)).total == 1
    monkeypatch.setattr("index.engines.opensearch.connection.deadline.MAX_SECONDS", -1.0)
    with pytest.raises(QueryTimeout):
        engine.search_stories(SearchQuery(seconds=60.0))


def test_a_beginning_of_more_words_and_a_story_of_more_words_than_a_request_may_name_find_all(
    store: ClusterStore, address: ClusterAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.engines.opensearch.search.translation.MAX_TERMS", 7)
    monkeypatch.setattr("index.engines.opensearch.engine.PAGE", 7)
    build(store, tmp_path, *(make_story(f"{n:02}", title=f"w{n:02} w{n + 1:02} harbour") for n in range(40)))
    generation = read(address)
    assert generation.engine.search_stories(SearchQuery(tree=parse_query("w* -w39", ()), limit=0)).total == 38
    long = make_story("long", title=" ".join(f"w{n:02}" for n in range(60)))
    assert len(generation.engine.find_similar(long, 50, frozenset())) == 40


def test_results_far_beyond_the_window_are_read_in_order(
    store: ClusterStore, address: ClusterAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(store, tmp_path, *(make_story(f"{n:04}") for n in range(250)))
    monkeypatch.setattr("index.engines.opensearch.engine.MAX_WINDOW", 100)
    monkeypatch.setattr("index.engines.opensearch.engine.PAGE", 60)
    generation = read(address)
    for offset in (95, 120, 239, 249, 250):
        page = generation.engine.search_stories(SearchQuery(offset=offset, limit=20))
        assert page.total == 250
        assert [hit.id for hit in page.hits] == [f"{n:04}" for n in range(offset, min(250, offset + 20))]


def damage_manifest(node: Node, address: ClusterAddress, change: Callable[[dict[str, Any]], object]) -> None:
    """Write what ``change`` makes of the manifest, or returns in its place."""
    [name] = requests.get(f"{node.url}/_alias/{address.alias}", timeout=30).json()
    mapping = requests.get(f"{node.url}/{name}/_mapping", timeout=30).json()
    meta = mapping[name]["mappings"]["_meta"]
    changed = change(meta["outpost"])
    body = {"_meta": changed if isinstance(changed, dict) else meta}
    assert requests.put(f"{node.url}/{name}/_mapping", json=body, timeout=30).ok


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.update(colour="red"),
        lambda manifest: manifest["status"].update(colour="red"),
        lambda manifest: manifest.update(updating="no"),
        lambda manifest: manifest.update(updating=0),
        lambda manifest: manifest.update(generation=7),
        lambda manifest: manifest.update(built_at="yesterday"),
        lambda manifest: manifest.update(status=[]),
        lambda manifest: manifest["status"].update(stories="1"),
        lambda manifest: manifest["status"].update(stories=1.5),
        lambda manifest: manifest.pop("build"),
        lambda manifest: manifest.pop("updating"),
        lambda manifest: manifest["status"].pop("deleted"),
        lambda manifest: {"outpost": "a text"},
        lambda manifest: {"outpost": [manifest]},
        lambda manifest: {"other": manifest},
        lambda manifest: {},
    ],
)
def test_a_manifest_of_another_form_is_damage_that_displaces_nothing(
    store: ClusterStore, address: ClusterAddress, node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    change: Callable[[dict[str, Any]], object],
) -> None:  # fmt: skip
    monkeypatch.setattr("index.stores.cluster._FRESH", 0.0)
    build(store, tmp_path, make_story("a"))
    live = LiveIndex(address)
    with live.borrow() as generation:
        assert ids(generation) == ["a"]
    damage_manifest(node, address, change)
    with pytest.raises(IndexDamaged):
        read(address)
    with live.borrow() as generation:
        assert ids(generation) == ["a"]
    live.close()
    [checked] = store.check()
    assert checked.faults
    # A build replaces it, as it does any index.
    build(store, tmp_path, make_story("b"))
    assert ids(read(address)) == ["b"]


def test_checking_counts_what_can_be_found(
    store: ClusterStore, address: ClusterAddress, node: Node, tmp_path: Path
) -> None:
    name = build(store, tmp_path, make_story("a", sources=[{"title": "A", "publisher": {"name": "Reuters"}}]))
    [checked] = store.check()
    assert (checked.name, checked.current, checked.faults) == (name, True, ())
    assert checked.about.startswith("1 stories, 1 sources, 1 publishers found")
    url = f"{node.url}/{address.alias}-{name}/_delete_by_query?refresh=true"
    assert requests.post(url, json={"query": {"match_all": {}}}, timeout=30).ok
    [checked] = store.check()
    assert checked.faults == (f"{name} has 0 stories instead of 1",)
    damage_manifest(node, address, lambda manifest: manifest.update(updating=True))
    [checked] = store.check()
    assert (checked.faults, checked.complete) == ((), False)
    assert "an update is running or was interrupted" in checked.about


def test_checking_nothing_says_that_nothing_is_there(store: ClusterStore) -> None:
    with pytest.raises(IndexMissing):
        list(store.check())
