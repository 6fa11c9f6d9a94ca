"""The commands of docs/scaling.md as they stand there, as real processes over a real node."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.e2e.conftest import Server, clean_env, free_port, wait_until
from tests.support.factories import SAMPLE, make_story, write_stories
from tools.opensearch_node import ROOT, Node

pytestmark = pytest.mark.xdist_group("opensearch")


@pytest.fixture
def commands(node: Node) -> Iterator[list[str]]:
    """Those of the document; of its two hosts one is the node, and at the other nobody answers."""
    text = (ROOT / "docs" / "scaling.md").read_text()
    found = re.findall(r"^OUTPOST_ENGINE=\S+ outpost .+$", text, re.MULTILINE)
    hosts = {"10.0.0.1:9200": f"127.0.0.1:{node.port}", "10.0.0.2:9200": "127.0.0.1:1", "/outpost ": "/documented "}
    for ours, real in hosts.items():
        found = [command.replace(ours, real) for command in found]
    yield found
    requests.delete(f"{node.url}/documented-*", timeout=30)


def run(command: str, directory: Path) -> str:
    ran = subprocess.run(command, shell=True, cwd=directory, env=clean_env(), capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_documented_commands_build_and_serve_and_a_server_sees_updates(commands: list[str], tmp_path: Path) -> None:
    build, serve = commands
    shutil.copy(SAMPLE, tmp_path / "stories.ndjson")
    assert "72 stories" in run(build, tmp_path)
    engine = build.partition(" outpost")[0]
    port = free_port()
    command = serve.replace("--host 0.0.0.0", f"--port {port} --workers 1")
    server = Server(["sh", "-c", f"exec env {command}"], port, tmp_path / "log", cwd=tmp_path)
    try:
        server.start()

        def count() -> int:
            answer = requests.get(f"{server.url}/v1/search?q=zyzzyva&typo=off", timeout=30)
            assert answer.status_code == 200, answer.text
            return int(answer.json()["total"])

        assert count() == 0
        write_stories(tmp_path / "more.ndjson", [make_story("new", title="Zyzzyva")])
        run(f"{engine} outpost update more.ndjson", tmp_path)
        wait_until(lambda: count() == 1, "the update")
        assert "Zyzzyva" in run(f"{engine} outpost search zyzzyva", tmp_path)
        assert "opensearch" in run(f"{engine} outpost status", tmp_path)
        run(f"{engine} outpost delete new", tmp_path)
        wait_until(lambda: count() == 0, "the deletion")
        assert requests.get(f"{server.url}/v1/stories/new", timeout=30).status_code == 410
        assert requests.get(f"{server.url}/search?q=ferry", timeout=30).status_code == 200
    finally:
        assert server.stop() == 0
    assert not (tmp_path / "var" / "index" / "generations").exists()
