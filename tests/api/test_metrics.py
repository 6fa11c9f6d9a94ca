"""/metrics and the slow-query log: what a server did, over all its processes."""

from __future__ import annotations

import errno
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.observability.metrics import BOUNDS, CACHE_HIT, EMPTY, STATUSES, Metrics
from api.settings import Settings
from index.live import LiveIndex
from tests.api.helpers import check_problem
from tests.support.clock import ManualClock

_SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*)\})? (-?[0-9.]+)")
_LABEL = re.compile(r'([a-z]+)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')
MakeWatched = Callable[..., FlaskClient]
Values = dict[tuple[str, ...], float]


@pytest.fixture
def make_watched(sample_index: Path) -> Iterator[MakeWatched]:
    apps = []

    def make(**settings: object) -> FlaskClient:
        apps.append(create_app(Settings(**{"index": sample_index, **settings})))  # type: ignore[arg-type]
        return apps[-1].test_client()

    yield make
    for app in apps:
        app.extensions["outpost.index"].close()


def read_metrics(client: FlaskClient) -> Values:
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parse(response.text)


def parse(text: str) -> Values:
    """(name, labels…) to value; every line is a sample of a family that was declared, once, before it."""
    values: Values = {}
    declared: dict[str, str] = {}
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in declared
            declared[name] = kind
            continue
        parsed = _SAMPLE.fullmatch(line)
        assert parsed, line
        name, labels, value = parsed.groups()
        assert name in declared or declared[re.sub("_(bucket|sum|count)$", "", name)] == "histogram"
        assert "".join(f'{key}="{own}",' for key, own in _LABEL.findall(labels or "")).rstrip(",") == (labels or "")
        key = (name, *(own for _, own in _LABEL.findall(labels or "")))
        assert key not in values
        values[key] = float(value)
    return values


def test_requests_are_counted_by_rule_and_status(make_watched: MakeWatched) -> None:
    client = make_watched()
    for url in ("/v1/search?q=robot", "/v1/search?q=tide", "/v1/search?x=1", "/v1/stories/31001", "/v1/stories/31002"):
        client.get(url)
    for number in range(5):
        client.get(f"/nope/{number}")
    client.post("/v1/search")
    client.head("/v1/search?q=robot")
    values = read_metrics(client)
    counted = {key[1:]: value for key, value in values.items() if key[0] == "outpost_requests_total"}
    assert counted == {
        ("/v1/search", "200"): 3, ("/v1/search", "400"): 1, ("none", "405"): 1, ("none", "404"): 5,
        ("/v1/stories/<story_id>", "200"): 2,
    }  # fmt: skip
    assert read_metrics(client)["outpost_requests_total", "/metrics", "200"] == 1


def test_a_histogram_counts_each_request_once(make_watched: MakeWatched) -> None:
    client = make_watched()
    for number in range(20):
        client.get(f"/v1/search?q=robot&page={number + 1}")
    values = read_metrics(client)
    upto = [values["outpost_request_seconds_bucket", "/v1/search", str(bound)] for bound in (*BOUNDS, "+Inf")]
    assert upto == sorted(upto)
    assert upto[-1] == values["outpost_request_seconds_count", "/v1/search"] == 20
    assert 0 < values["outpost_request_seconds_sum", "/v1/search"] < 20


@pytest.mark.parametrize(
    ("seconds", "first"), [(0.0, 0.0005), (0.0005, 0.0005), (0.00051, 0.001), (2.5, 2.5), (9, "+Inf")]
)
def test_a_bound_is_the_most_that_its_part_holds(tmp_path: Path, seconds: float, first: object) -> None:
    metrics = Metrics(["/a"])
    metrics.count_request("/a", 200, seconds)
    values = parse(metrics.render(LiveIndex(tmp_path)))
    bounds = [str(bound) for bound in (*BOUNDS, "+Inf")]
    parts = [values["outpost_request_seconds_bucket", "/a", bound] for bound in bounds]
    assert parts == [float(bounds.index(bound) >= bounds.index(str(first))) for bound in bounds]


def test_the_cache_and_searches_without_a_hit_are_counted(make_watched: MakeWatched) -> None:
    client = make_watched()
    for query in ("q=robot", "q=robot", "q=zyzzyva", "q=zyzzyva", "q=robot&topic=never"):
        client.get(f"/v1/search?{query}")
    values = read_metrics(client)
    assert values["outpost_answer_cache_misses_total",] == 3
    assert values["outpost_answer_cache_hits_total",] == 2
    assert values["outpost_empty_searches_total",] == 2


def test_the_index_is_told_and_its_absence_too(client: FlaskClient, nowhere: FlaskClient) -> None:
    values, status = read_metrics(client), client.get("/status").json
    assert values["outpost_index_up",] == values["outpost_generation_info", status["generation"]] == 1
    assert values["outpost_documents", "stories"] == status["stories"]
    assert values["outpost_documents", "sources"] == status["sources"]
    assert values["outpost_documents", "publishers"] == status["publishers"]
    assert values["outpost_generation_built_seconds",] > 1_700_000_000
    missing = read_metrics(nowhere)
    assert missing["outpost_index_up",] == 0
    assert not any(key[0] == "outpost_documents" for key in missing)


def test_nothing_that_is_sent_becomes_a_label(make_watched: MakeWatched) -> None:
    client = make_watched()
    before = len(read_metrics(client))
    for number in range(300):
        client.get(f'/no"pe\\{number}%0A')
        client.get(f"/v1/stories/{number}%0Ax")
    # Two rules more, of one status each.
    assert len(read_metrics(client)) <= before + 3 * (1 + len(BOUNDS) + 3)


def test_threads_lose_no_count(tmp_path: Path) -> None:
    metrics = Metrics(["/a", "/b"], tmp_path)

    def count() -> None:
        for _ in range(2000):
            metrics.count_request("/a", 200, 0.001)
            metrics.count(CACHE_HIT)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    values = parse(metrics.render(LiveIndex(tmp_path / "none")))
    assert values["outpost_requests_total", "/a", "200"] == values["outpost_answer_cache_hits_total",] == 16_000


def count_in_process(directory: Path, requests: int) -> None:
    metrics = Metrics(["/a"], directory)
    for _ in range(requests):
        metrics.count_request("/a", 404, 0.001)
        metrics.count(EMPTY)


def test_processes_are_summed_and_those_that_ended_stay(tmp_path: Path) -> None:
    own = Metrics(["/a"], tmp_path)
    own.count_request("/a", 200, 1)
    processes = [get_context("spawn").Process(target=count_in_process, args=(tmp_path, 500)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    # Another version's files have other rows.
    Metrics(["/a", "/b"], tmp_path).count(EMPTY)
    values = parse(own.render(LiveIndex(tmp_path / "none")))
    assert values["outpost_requests_total", "/a", "404"] == values["outpost_empty_searches_total",] == 1000
    assert values["outpost_requests_total", "/a", "200"] == 1


def test_a_process_goes_on_in_the_file_of_one_that_ended_and_never_of_one_that_lives(tmp_path: Path) -> None:
    for _ in range(3):
        process = get_context("spawn").Process(target=count_in_process, args=(tmp_path, 100))
        process.start()
        process.join()
    assert len([*tmp_path.iterdir()]) == 1
    first, second = Metrics(["/a"], tmp_path), Metrics(["/a"], tmp_path)
    for metrics in (first, second):
        metrics.count(EMPTY)
        metrics.count_request("/a", 404, 0.001)
    assert len([*tmp_path.iterdir()]) == 2
    for metrics in (first, second):
        values = parse(metrics.render(LiveIndex(tmp_path / "none")))
        assert values["outpost_requests_total", "/a", "404"] == values["outpost_empty_searches_total",] == 302


def test_without_room_for_a_file_a_process_counts_in_memory_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", fail)
    metrics = Metrics(["/a"], tmp_path)
    metrics.count(EMPTY)
    assert parse(metrics.render(LiveIndex(tmp_path / "none")))["outpost_empty_searches_total",] == 1
    assert "No space left on device" in caplog.text
    assert not [*tmp_path.iterdir()]


def test_the_room_of_a_file_is_there_before_it_is_written_to(tmp_path: Path) -> None:
    Metrics(["/a"], tmp_path)
    [path] = tmp_path.iterdir()
    assert path.stat().st_blocks * 512 >= path.stat().st_size


def test_each_status_that_there_is_has_its_count(tmp_path: Path) -> None:
    metrics = Metrics(["/a"])
    for status in (*map(int, STATUSES[:-1]), 299, 418, 599):
        metrics.count_request("/a", status, 0)
    values = parse(metrics.render(LiveIndex(tmp_path)))
    assert [values["outpost_requests_total", "/a", status] for status in STATUSES] == [1] * (len(STATUSES) - 1) + [3]


def test_metrics_take_no_parameter(client: FlaskClient) -> None:
    check_problem(client.get("/metrics?name=x"), 400, "unknown_parameter")


# --- slow requests -----------------------------------------------------------------------------------------


def _take_20_ms(clock: ManualClock, view: Callable[[], object]) -> object:
    clock.now += 0.02
    return view()


def test_slow_requests_are_told_with_what_was_asked(make_watched: MakeWatched, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[logging.LogRecord] = []
    monkeypatch.setattr(logging.getLogger("outpost.slow"), "handle", told.append)
    clock = ManualClock()
    monkeypatch.setattr("api.middleware.http.time.perf_counter", clock)
    for slow_ms in (0, 60_000, 10):
        client = make_watched(slow_ms=slow_ms)
        view = client.application.view_functions["health.healthz"]
        client.application.view_functions["health.healthz"] = partial(_take_20_ms, clock, view)
        client.get("/healthz", headers={"X-Request-ID": f"slow-{slow_ms}"})
    [record] = told
    assert (record.levelname, record.name) == ("WARNING", "outpost.slow")
    assert record.members["request_id"] == "slow-10"  # type: ignore[attr-defined]
    assert record.members["ms"] == 20  # type: ignore[attr-defined]
