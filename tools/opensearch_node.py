"""Runs OpenSearch on this machine without a container: a JVM with jars from Maven.

``python -m tools.opensearch_node`` (`make opensearch`) runs one until Ctrl-C.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).parents[1]
_POM = ROOT / "deploy" / "opensearch" / "pom.xml"
_JARS = ROOT / "var" / "opensearch" / "lib"
_OLDEST_JAVA = 21
_PATIENCE = 90.0


class NodeUnavailable(Exception):
    """OpenSearch cannot run here; the message says what is missing."""


def find_java() -> Path:
    """A recent Java: from JAVA_HOME, PATH or /usr/lib/jvm. Raises NodeUnavailable if there is none."""
    homes = [Path(os.environ["JAVA_HOME"])] if "JAVA_HOME" in os.environ else []
    candidates = [home / "bin" / "java" for home in homes]
    if java_on_path := shutil.which("java"):
        candidates.append(Path(java_on_path))
    candidates += sorted(Path("/usr/lib/jvm").glob("*/bin/java"), reverse=True)
    for java in candidates:
        if java.exists() and _version_of(java) >= _OLDEST_JAVA:
            return java
    raise NodeUnavailable(f"Java {_OLDEST_JAVA} or newer is needed; set JAVA_HOME to it")


def _version_of(java: Path) -> int:
    output = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    match = re.search(r'version "(\d+)', output)
    return int(match[1]) if match else 0


def fetch_jars() -> Path:
    """Download the jars of OpenSearch, 71 MB, unless they are there. Returns their directory.

    Raises NodeUnavailable if Maven is missing or fails.
    """
    done = _JARS.with_name("fetched")
    if done.exists() and done.stat().st_mtime >= _POM.stat().st_mtime:
        return _JARS
    maven = shutil.which("mvn")
    if maven is None:
        raise NodeUnavailable("Maven is needed to download OpenSearch")
    shutil.rmtree(_JARS, ignore_errors=True)
    command = [maven, "-q", "-B", "-f", str(_POM), "dependency:copy-dependencies", f"-DoutputDirectory={_JARS}"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise NodeUnavailable(f"Maven could not download OpenSearch: {(ran.stdout + ran.stderr)[-500:]}")
    done.touch()
    return _JARS


class Node:
    """One node of a cluster, as a process.

    ``peers`` has the (HTTP, transport) ports of all nodes, of which this is ``number``. ``more`` are additional
    settings of OpenSearch.
    """

    def __init__(
        self, directory: Path, number: int, peers: Sequence[tuple[int, int]], cluster: str, more: Mapping[str, str]
    ) -> None:
        self.port, self._transport = peers[number]
        self.url = f"http://127.0.0.1:{self.port}"
        self.directory, self._number, self._peers, self._cluster = directory, number, peers, cluster
        self._more = more
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, heap: str = "512m") -> None:
        """Start the process, and return without waiting for it."""
        assert not self.runs
        settings = [f"{name}={value}" for name, value in self._settings().items()]
        command = [
            str(find_java()), f"-Xms{heap}", f"-Xmx{heap}", "--add-modules", "jdk.incubator.vector",
            "-cp", f"{fetch_jars()}/*", str(_POM.with_name("Node.java")),
            str(self.directory), self._cluster, *settings,
        ]  # fmt: skip
        self.directory.mkdir(exist_ok=True)
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    @property
    def log(self) -> Path:
        return self.directory / "log"

    def _settings(self) -> dict[str, object]:
        settings: dict[str, object] = {
            "node.name": f"node-{self._number}", "http.port": self.port, "transport.port": self._transport,
            "network.host": "127.0.0.1", "cluster.routing.allocation.disk.threshold_enabled": "false",
        }  # fmt: skip
        if len(self._peers) > 1:
            settings |= {
                "discovery.type": "zen",
                "discovery.seed_hosts": ",".join(f"127.0.0.1:{transport}" for _, transport in self._peers),
                "cluster.initial_cluster_manager_nodes": ",".join(f"node-{n}" for n in range(len(self._peers))),
                # A killed node is detected within a second instead of 30.
                "cluster.fault_detection.follower_check.interval": "500ms",
                "cluster.fault_detection.leader_check.interval": "500ms",
            }
        return {**settings, **self._more}

    def wait(self, path: str = "/") -> None:
        """Wait until ``path`` answers with status 200. Raises NodeUnavailable with the end of the log otherwise."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                pass
            time.sleep(0.1)
        raise NodeUnavailable(f"OpenSearch does not answer at {self.url + path}: {self.log.read_text()[-2000:]}")

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End the process at once, as a power failure would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, sign: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(sign)
            self._process.wait(_PATIENCE)


@contextmanager
def run_nodes(
    count: int = 1, heap: str = "512m", more: Mapping[str, str] = MappingProxyType({})
) -> Iterator[list[Node]]:
    """Run a cluster of ``count`` nodes; it ends with the context. Raises NodeUnavailable if it cannot start."""
    find_java()
    fetch_jars()
    with tempfile.TemporaryDirectory(prefix="outpost-opensearch-", ignore_cleanup_errors=True) as name:
        # The runner listens for HTTP on ports from 9201 to 9299 alone.
        peers = list(zip(_free_ports(count, 9211, 9300), _free_ports(count, 9311, 9400), strict=True))
        cluster = f"outpost-{peers[0][0]}"
        nodes = [Node(Path(name) / f"{number}", number, peers, cluster, more) for number in range(count)]
        try:
            for node in nodes:
                node.start(heap)
            for node in nodes:
                node.wait(f"/_cluster/health?wait_for_nodes={count}&timeout=5s")
            yield nodes
        finally:
            for node in nodes:
                node.stop()


def _free_ports(count: int, low: int, high: int) -> list[int]:
    """Free ports from ``low`` until before ``high``. The search starts at a port that depends on the process id."""
    ports: list[int] = []
    start = os.getpid()
    for port in (low + (start + at) % (high - low) for at in range(high - low)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                ports.append(port)
        if len(ports) == count:
            return ports
    raise NodeUnavailable(f"fewer than {count} free ports between {low} and {high}")


def main() -> None:
    try:
        with run_nodes(heap="1g") as (node,):
            print(f"OpenSearch is ready: export OUTPOST_ENGINE=opensearch://127.0.0.1:{node.port}/outpost", flush=True)
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
    except NodeUnavailable as error:
        sys.exit(str(error))


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main()
