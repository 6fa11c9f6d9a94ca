"""Indexes that are damaged: what `outpost check` finds, and what a server does that has one open."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import requests

from index import generations
from index.indexer import build_index
from tests.e2e.conftest import BIN, Server, clean_env, wait_until
from tests.support.factories import SAMPLE, make_story, write_stories


def outpost(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Fails instead of waiting for ever."""
    command = [BIN / "outpost", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=clean_env(), timeout=60)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    build_index(tmp_path / "index", [SAMPLE])
    return tmp_path / "index"


def test_check_tells_of_each_generation_that_it_is_whole(root: Path, tmp_path: Path) -> None:
    held = generations.lock_shared(generations.find_current(root))
    assert held
    with held:
        build_index(root, [write_stories(tmp_path / "in.ndjson", [make_story()])])
        checked = outpost("check", "--index", root)
    first, second = checked.stdout.splitlines()
    assert (checked.returncode, checked.stderr) == (0, "")
    assert first.startswith("g1-s1-f5: 23 files, 1,")
    assert second.startswith("g2-s1-f5, current: 23 files, ")
    assert first.endswith(" bytes, no faults")


def test_check_tells_every_fault_on_a_line_and_ends_with_1(root: Path) -> None:
    directory = generations.find_current(root)
    os.truncate(directory / "stories" / "0001" / "documents.bin", 5)
    (directory / "ids.txt").unlink()
    with open(directory / "census.tsv", "r+b") as file:
        file.write(b"?")
    checked = outpost("check", "--index", root)
    assert (checked.returncode, checked.stderr) == (1, "")
    head, *faults = checked.stdout.splitlines()
    assert head.startswith("g1-s1-f5, current: ")
    assert head.endswith(", 3 faults")
    assert faults[0] == "g1-s1-f5/census.tsv was altered: its checksum is another"
    assert faults[1] == "g1-s1-f5/ids.txt is missing"
    assert faults[2].startswith("g1-s1-f5/stories/0001/documents.bin has 5 bytes instead of ")


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        ("current", "'current' names no generation: '?'"),
        ("generations/g1-s1-f5/manifest.json", "g1-s1-f5/manifest.json was altered: its checksum is another"),
    ],
)
def test_check_finds_what_leads_to_the_files(root: Path, file: str, fault: str) -> None:
    (root / file).write_bytes(b"?")
    checked = outpost("check", "--index", root)
    assert checked.returncode == 1
    assert fault in checked.stdout.splitlines()


def test_check_of_nothing_ends_with_2(tmp_path: Path) -> None:
    checked = outpost("check", "--index", tmp_path)
    assert (checked.returncode, checked.stdout) == (2, "")
    assert "nothing has been built there" in checked.stderr


@pytest.mark.parametrize(
    ("command", "file"),
    [
        ("status", "current"),
        ("check", "generations/g1-s1-f5/manifest.json"),
        ("update", "generations/g1-s1-f5/ids.txt"),
    ],
)
def test_no_command_waits_for_a_fifo(root: Path, command: str, file: str) -> None:
    (root / file).unlink()
    os.mkfifo(root / file)
    ran = outpost(command, *([SAMPLE] if command == "update" else []), "--index", root)
    assert ran.returncode == (1 if command == "check" else 2)
    assert "is a FIFO, not a regular file" in ran.stdout + ran.stderr


def test_a_worker_that_dies_of_damage_comes_back_and_answers_503_until_a_build(
    root: Path, start_server: type[Server]
) -> None:
    server = start_server(root)
    assert requests.get(f"{server.url}/v1/stories/31001", timeout=10).ok
    # Whoever reads behind the end of a mapped file is killed with SIGBUS. The answer from before is kept: another story
    # is asked for.
    os.truncate(generations.find_current(root) / "stories" / "0001" / "documents.bin", 0)

    def ask() -> requests.Response | None:
        try:
            return requests.get(f"{server.url}/v1/stories/31002", timeout=10)
        except requests.RequestException:
            return None

    assert ask() is None
    wait_until(lambda: (answer := ask()) is not None and answer.status_code == 503, "the worker to come back")
    refused = requests.get(f"{server.url}/readyz", timeout=10)
    assert (refused.status_code, refused.json()["code"]) == (503, "index_unavailable")
    assert "outpost_index_up 0" in requests.get(f"{server.url}/metrics", timeout=10).text.splitlines()
    assert "documents.bin has 0 bytes instead of" in server.log.read_text()
    build_index(root, [SAMPLE])
    wait_until(lambda: (answer := ask()) is not None and answer.ok, "the new index")
    assert server.stop() == 0


def test_a_running_server_finds_damage_by_itself_and_says_where(root: Path, start_server: type[Server]) -> None:
    server = start_server(root, workers=2)
    assert requests.get(f"{server.url}/readyz", timeout=10).ok
    file = generations.find_current(root) / "stories" / "0001" / "answers.bin"
    with open(file, "r+b") as stream:
        stream.seek(1000)
        byte = stream.read(1)[0]
        stream.seek(1000)
        stream.write(bytes([byte ^ 1]))

    def count_refusals() -> int:
        # Each on a connection of its own, which any worker may take.
        return sum(requests.get(f"{server.url}/readyz", timeout=10).status_code == 503 for _ in range(20))

    wait_until(lambda: count_refusals() == 20, "all workers to find it")
    out = [line for line in server.log.read_text().splitlines() if "is out of service" in line]
    # A worker that opens the index after that does not open it at all.
    assert 1 <= len(out) <= 2
    assert all(str(file) in line for line in out)
    build_index(root, [SAMPLE])
    assert count_refusals() == 0
