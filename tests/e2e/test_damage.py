"""What a server does whose index is damaged while it has it open."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import requests

from index import generations
from index.indexer import build_index
from tests.e2e.conftest import Server, wait_until
from tests.factories import SAMPLE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    build_index(tmp_path / "index", [SAMPLE])
    return tmp_path / "index"


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
