"""Requests per second of a server on one core, with wrk and 8 connections on another core."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_plus

_CONNECTIONS = 8
_PATIENCE = 60.0
_PATH = "/v1/search?q={}&facets=topic,publisher"
BIN = Path(sys.executable).parent
# wrk requests the paths in a file, one after the other. The environment variable BENCHMARK_PATHS names the file.
_SCRIPT = """
local paths, current = {}, 0
for line in io.lines(os.getenv("BENCHMARK_PATHS")) do paths[#paths + 1] = line end
request = function()
  current = current % #paths + 1
  return wrk.format("GET", paths[current])
end
done = function(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("RESULT %d %d %d %d %d %d\\n", summary.requests, summary.duration, failed,
    latency:percentile(50), latency:percentile(99), summary.bytes))
end
"""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The result of wrk for one server and kind of queries.

    ``median`` and ``worst`` (99th percentile) are latencies in seconds. ``answer_bytes`` is the mean size of an answer,
    ``memory`` the private memory of the server process in bytes. ``repeated``: queries were sent more than once.
    """

    name: str
    queries: str
    per_second: float
    median: float
    worst: float
    answer_bytes: float
    failed: int
    repeated: bool
    memory: int = 0


@dataclass(frozen=True, slots=True)
class ServerCommand:
    """How to start a server: its command, with ``{port}`` in it, and additional environment variables."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]


def outpost_server(index: Path, name: str = "Outpost") -> ServerCommand:
    command = (str(BIN / "outpost"), "serve", "--index", str(index), "--port", "{port}", "--workers", "1")
    return ServerCommand(name, command, {})


def tantivy_server(index: Path, *, coded: bool) -> ServerCommand:
    options = shlex.split("--interface wsgi --factory --workers 1 --blocking-threads 4 --log-level warning")
    application = "benchmarks.tantivy_app:create_app"
    command = (str(BIN / "granian"), *options, "--port", "{port}", application)
    name = "tantivy, codes, in Flask" if coded else "tantivy in Flask"
    return ServerCommand(name, command, {"TANTIVY_INDEX": str(index), "TANTIVY_CODED": str(int(coded))})


def find_obstacle() -> str:
    """Why load cannot be measured on this machine; "" if it can."""
    missing = [tool for tool in ("wrk", "taskset") if not shutil.which(tool)]
    if missing:
        return f"{' and '.join(missing)} not installed"
    return "" if (os.cpu_count() or 1) > 1 else "the server and wrk need one core each"


def measure_load(
    servers: Sequence[ServerCommand], texts: Sequence[str], seconds: int, work: Path, path: str = _PATH
) -> list[LoadResult]:
    """Measure each server with distinct queries, and with one repeated query."""
    script, different, same = work / "load.lua", work / "different.txt", work / "same.txt"
    script.write_text(_SCRIPT)
    # The first hundred queries warm up the server, and are not measured.
    paths = [path.format(quote_plus(text)) for text in texts]
    warm = work / "warm.txt"
    warm.write_text("\n".join(paths[:100]) + "\n")
    different.write_text("\n".join(paths[100:]) + "\n")
    same.write_text(paths[100] + "\n")
    loads = []
    for server in servers:
        with running(server, work) as (port, group):
            _run(server.name, "", port, script, warm, 1)
            for queries, file in (("each different", different), ("the same again", same)):
                load = _run(server.name, queries, port, script, file, seconds, len(paths) - 100)
                loads.append(_with_memory(load, group))
    return loads


@contextmanager
def running(server: ServerCommand, work: Path) -> Iterator[tuple[int, int]]:
    """Run a server on the first core. Yields its port and its process group."""
    port = _free_port()
    process = _start(server, port, work)
    try:
        yield port, process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(_PATIENCE)


def _start(server: ServerCommand, port: int, work: Path) -> subprocess.Popen[bytes]:
    command = ["taskset", "-c", "0", *(part.format(port=port) for part in server.command)]
    with open(work / "server.log", "wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            command, stdout=log, stderr=log, env={**os.environ, **server.environment}, start_new_session=True
        )
    deadline = time.monotonic() + _PATIENCE
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{server.name} does not answer: {(work / 'server.log').read_text()[-2000:]}")
        time.sleep(0.1)
    return process


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _run(name: str, queries: str, port: int, script: Path, file: Path, seconds: int, lines: int = 0) -> LoadResult:
    url = f"http://127.0.0.1:{port}"
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "-s", str(script), url]
    environment = {**os.environ, "BENCHMARK_PATHS": str(file)}
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout  # noqa: S603
    match = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", output)
    if not match:
        raise RuntimeError(f"unexpected output of wrk: {output!r}")
    count, micros, failed, median, worst, size = map(int, match.groups())
    repeated = queries == "each different" and count > lines
    answer = size / max(1, count)
    return LoadResult(name, queries, count / micros * 1e6, median / 1e6, worst / 1e6, answer, failed, repeated)


def _with_memory(load: LoadResult, group: int) -> LoadResult:
    memory = max((_private_bytes(pid) for pid in _members(group)), default=0)
    return dataclasses.replace(load, memory=memory)


def _members(group: int) -> list[int]:
    """The ids of the processes in a process group."""
    pids = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getpgid(int(entry.name)) == group:
                    pids.append(int(entry.name))
            except ProcessLookupError:
                continue
    return pids


def _private_bytes(pid: int) -> int:
    try:
        mappings = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    # Anonymous memory only: all workers share the pages of mapped files.
    return 1024 * sum(map(int, re.findall(r"^Anonymous: +(\d+) kB", mappings, re.MULTILINE)))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
