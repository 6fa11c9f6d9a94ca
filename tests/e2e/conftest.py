"""Real servers: processes that are started, asked over HTTP, and stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
# A loaded machine takes its time; nothing waits for longer than it needs.
PATIENCE = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(ready: Callable[[], bool], what: str) -> None:
    """Ask again and again; fails after PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < deadline, f"waited {PATIENCE} seconds for {what}"
        time.sleep(0.02)


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=5).ok
    except requests.RequestException:
        return False


class Server:
    """A server process over an index."""

    def __init__(self, command: list[str], port: int, log: Path, cwd: Path = ROOT) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        self._out = open(log, "wb")  # noqa: SIM115 - closed in stop
        # Its own process group, so that the workers can be signalled with it.
        self.process = subprocess.Popen(
            command, stdout=self._out, stderr=subprocess.STDOUT, cwd=cwd, env=clean_env(), start_new_session=True
        )

    def start(self) -> Server:
        wait_until(lambda: self.process.poll() is not None or answers(self.url), f"{self.url}: {self.log.read_text()}")
        assert self.process.poll() is None, self.log.read_text()
        return self

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        finally:
            self._out.close()


def clean_env() -> dict[str, str]:
    """The environment with the commands of this interpreter first and no settings of ours."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("OUTPOST_")}
    return {**env, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONWARNINGS": "ignore"}


def serve_command(index: Path, port: int, workers: int = 1) -> list[str]:
    return [str(BIN / "outpost"), "serve", "--index", str(index), "--port", str(port), "--workers", str(workers)]


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers that end with the test."""
    servers: list[Server] = []

    def start(index: Path, workers: int = 1, command: list[str] | None = None, port: int | None = None) -> Server:
        port = port or free_port()
        log = tmp_path / f"server-{len(servers)}.log"
        servers.append(Server(command or serve_command(index, port, workers), port, log))
        return servers[-1].start()

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def sample_server(sample_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The sample, served; not to be stopped."""
    port = free_port()
    server = Server(serve_command(sample_index, port), port, tmp_path_factory.mktemp("server") / "log").start()
    yield server
    server.stop()
