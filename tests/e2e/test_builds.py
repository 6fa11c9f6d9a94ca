"""Builds in processes of their own: killed at random moments, two at once, on a full disk, under load."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from pathlib import Path

import msgspec
import pytest
import requests

from index.documents.stored_hit import insert_base_url
from index.generations import read_current
from index.indexer import build_index, update_index
from index.live import LiveIndex
from index.query.requests import SearchQuery
from tests.e2e.conftest import BIN, Server, clean_env, wait_until
from tests.support.factories import SAMPLE, make_story, write_stories


def build_command(root: Path, *files: Path) -> list[str]:
    return [str(BIN / "outpost"), "build", *map(str, files), "--index", str(root)]


def run_build(root: Path, *files: Path, before: str = "") -> subprocess.CompletedProcess[str]:
    shell = f'{before}; exec "$@"'
    command = ["sh", "-c", shell, "sh", *build_command(root, *files)] if before else build_command(root, *files)
    return subprocess.run(command, capture_output=True, text=True, env=clean_env())


def count_stories(root: Path) -> tuple[int, str]:
    """How many stories the current generation can find, and one of their titles."""
    live = LiveIndex(root)
    with live.borrow() as generation:
        page = generation.engine.search_stories(SearchQuery(limit=1))
    live.close()
    return page.total, msgspec.json.decode(insert_base_url(page.hits[0].stored_hit, ""))["title"]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Enough stories that a build takes a while."""
    text = "Tides turn mills and mills turn heads. " * 20
    stories = (make_story(str(n), title=f"New {n}", summary=text, topics=[f"T{n % 7}"]) for n in range(1500))
    return write_stories(tmp_path / "many.ndjson", stories)


def test_a_build_killed_at_any_moment_leaves_a_whole_index(
    tmp_path: Path, many: Path, pytestconfig: pytest.Config
) -> None:
    root = tmp_path / "index"
    old = write_stories(tmp_path / "old.ndjson", [make_story(str(n), title=f"Old {n}") for n in range(40)])
    build_index(root, [old])
    started = time.monotonic()
    assert run_build(tmp_path / "elsewhere", many).returncode == 0
    whole = time.monotonic() - started
    rng = random.Random(7)
    seen = set()
    for _ in range(pytestconfig.getoption("kills")):
        process = subprocess.Popen(build_command(root, many), env=clean_env(), stderr=subprocess.DEVNULL)
        try:
            process.wait(rng.uniform(0, whole * 1.1))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.wait()
        total, title = count_stories(root)
        assert (total, title[:3]) in {(40, "Old"), (1500, "New")}
        seen.add(total)
        if total == 1500:
            build_index(root, [old])
    assert 40 in seen
    build_index(root, [old])
    assert [path.name for path in (root / "generations").iterdir()] == [read_current(root)]


def test_the_second_of_two_builds_says_so_and_changes_nothing(tmp_path: Path, many: Path) -> None:
    root, pipe = tmp_path / "index", tmp_path / "pipe"
    # Opening a pipe waits for who writes to it, so the first build lasts as long as this test likes.
    os.mkfifo(pipe)
    with subprocess.Popen(build_command(root, pipe), env=clean_env(), stderr=subprocess.DEVNULL) as first:
        wait_until(lambda: (root / "build.lock").exists() and (root / "build.lock").read_text() != "", "the first")
        second = run_build(root, SAMPLE)
        pipe.write_bytes(many.read_bytes())
    assert second.returncode == 2
    assert f"another build into {root} is running (process {first.pid})" in second.stderr
    assert first.returncode == 0
    assert count_stories(root)[0] == 1500


def test_a_build_that_cannot_write_leaves_the_old_index_and_no_leftovers(tmp_path: Path, many: Path) -> None:
    root = tmp_path / "index"
    build_index(root, [SAMPLE])
    # A file may have 200 blocks of 512 bytes: to a program this looks like a full disk.
    failed = run_build(root, many, before="ulimit -f 200")
    assert failed.returncode == 2
    assert "could not write the index" in failed.stderr
    assert count_stories(root)[0] == 72
    assert len(list((root / "generations").iterdir())) == 1


def test_bad_input_ends_with_2_and_tells_every_fault_where_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "bad.ndjson"
    file.write_text('{"id": "a", "title": "A"}\n{"id": "b"}\n{"id": "c", "title": "C", "image_url": "javascript:x"}\n')
    failed = run_build(tmp_path / "index", file)
    assert failed.returncode == 2
    assert f"{file}:2: /title: is missing" in failed.stderr
    assert f"{file}:3: /image_url: javascript:x is not allowed here; allowed: an http or https URL" in failed.stderr
    assert "2 invalid lines. Nothing was changed" in failed.stderr
    assert not (tmp_path / "index" / "current").exists()


def test_skip_invalid_builds_the_rest_and_keeps_the_refused_lines(tmp_path: Path) -> None:
    file = tmp_path / "bad.ndjson"
    file.write_text('{"id": "a", "title": "A"}\n{"id": "b"}\n')
    built = run_build(tmp_path / "index", file, Path("--skip-invalid"))
    assert built.returncode == 0
    assert "1 stories" in built.stdout
    assert "1 refused" in built.stdout
    rejects = (tmp_path / "index" / "rejects.ndjson").read_text()
    assert '"line":2' in rejects
    assert '"pointer":"/title"' in rejects


def test_no_request_fails_while_generations_switch(
    tmp_path: Path, start_server: type[Server], pytestconfig: pytest.Config
) -> None:
    root = tmp_path / "index"
    inputs = [
        write_stories(tmp_path / f"{size}.ndjson", [make_story(str(n), title=f"Tide {n}") for n in range(size)])
        for size in (30, 50)
    ]
    build_index(root, inputs[:1])
    server = start_server(root, workers=2)
    totals: list[object] = []
    built = threading.Event()

    def ask() -> None:
        with requests.Session() as session:
            while not built.is_set():
                answer = session.get(f"{server.url}/v1/search?q=tide&facets=topic", timeout=30)
                totals.append(answer.json()["total"] if answer.ok else answer.text)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for switch in range(pytestconfig.getoption("switches")):
        before = len(totals)
        assert run_build(root, inputs[(switch + 1) % 2]).returncode == 0
        wait_until(lambda before=before: len(totals) >= before + 100, "requests between two switches")  # type: ignore[misc]
    built.set()
    for asker in askers:
        asker.join()
    assert set(totals) == {30, 50}
    # The last one is served with no restart, and only it is left.
    assert requests.get(f"{server.url}/status", timeout=10).json()["generation"] == read_current(root)
    print(f"{len(totals)} requests, {pytestconfig.getoption('switches')} switches, 0 failed")


def test_a_server_without_an_index_answers_503_until_one_is_built(tmp_path: Path, start_server: type[Server]) -> None:
    root = tmp_path / "index"
    server = start_server(root)
    early = requests.get(f"{server.url}/readyz", timeout=10)
    assert early.status_code == 503
    assert early.json()["code"] == "index_unavailable"
    assert early.headers["Retry-After"] == "2"
    assert "Every answer will be 503 until there is an index" in server.log.read_text()
    build_index(root, [SAMPLE])
    assert requests.get(f"{server.url}/readyz", timeout=10).json() == {"status": "ready"}


def test_a_broken_build_directory_does_not_stop_a_running_server(tmp_path: Path, start_server: type[Server]) -> None:
    root = tmp_path / "index"
    build_index(root, [SAMPLE])
    server = start_server(root)
    assert requests.get(f"{server.url}/v1/search?q=ferry", timeout=10).json()["total"] > 0
    (root / "current").write_text("g999-s1-f1\n")
    assert requests.get(f"{server.url}/v1/search?q=ferry", timeout=10).json()["total"] > 0
    wait_until(lambda: "keeps serving" in server.log.read_text(), "the reason in the log")


def test_an_update_and_a_deletion_are_seen_by_a_running_server(tmp_path: Path, start_server: type[Server]) -> None:
    root = tmp_path / "index"
    build_index(root, [SAMPLE])
    server = start_server(root)
    assert requests.get(f"{server.url}/v1/search?q=zyzzyva", timeout=10).json()["total"] == 0
    changed = write_stories(tmp_path / "new.ndjson", [make_story("31001", title="Zyzzyva"), make_story("new")])
    updated = run_outpost("update", changed, "--index", root)
    assert "73 stories" in updated.stdout
    found = requests.get(f"{server.url}/v1/search?q=zyzzyva", timeout=10).json()
    assert [story["id"] for story in found["results"]] == ["31001"]
    deleted = run_outpost("delete", "31001", "never-there", "--index", root)
    assert (deleted.returncode, deleted.stderr) == (0, "no story 'never-there'\n")
    assert requests.get(f"{server.url}/v1/stories/31001", timeout=10).status_code == 410
    status = requests.get(f"{server.url}/status", timeout=10).json()
    assert (status["stories"], status["segments"], status["deleted"] > 0) == (72, 2, True)
    assert run_outpost("merge", "--index", root).returncode == 0
    status = requests.get(f"{server.url}/status", timeout=10).json()
    assert (status["stories"], status["segments"], status["deleted"]) == (72, 1, 0)


def test_deleting_what_is_not_there_ends_with_1_and_changes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "index"
    build_index(root, [SAMPLE])
    before = (root / "current").read_text()
    deleted = run_outpost("delete", "never-there", "--index", root)
    assert (deleted.returncode, deleted.stderr) == (1, "no story 'never-there'\n")
    assert (root / "current").read_text() == before


def test_an_update_without_an_index_says_so(tmp_path: Path) -> None:
    updated = run_outpost("update", SAMPLE, "--index", tmp_path / "none")
    assert updated.returncode == 2
    assert "nothing has been built there" in updated.stderr


def test_many_small_updates_are_merged_by_size(tmp_path: Path) -> None:
    root = tmp_path / "index"
    build_index(root, [SAMPLE])
    for number in range(12):
        report = update_index(root, [write_stories(tmp_path / "one.ndjson", [make_story(f"n{number}")])])
    assert report.status.stories == 84
    assert report.status.segments <= 8
    assert len(list((root / "generations").iterdir())) == 1


def run_outpost(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / "outpost", *map(str, arguments)], capture_output=True, text=True, env=clean_env())
