"""Servers that are attacked: how they are started and ended, their workers and memory, and who measures them."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.attack.sockets import TIMEOUT, Reply, get
from tests.e2e.conftest import Server, free_port, serve_command

_GRACE = 3.0


class Target(Server):
    """A server of its own process group, whose temporary files are in ``home``."""

    def __init__(
        self, index: Path, home: Path, workers: int = 2, settings: Sequence[str] = (), before: str = ":"
    ) -> None:
        """``settings`` are variables of the environment, ``before`` is what a shell does first."""
        home.mkdir(parents=True, exist_ok=True)
        port = free_port()
        shell = ["sh", "-c", f'{before}; exec "$@"', "sh"]
        command = ["env", f"TMPDIR={home}", *settings, *shell, *serve_command(index, port, workers)]
        self.workers = workers
        super().__init__(command, port, home / "server.log")

    def start(self) -> Target:
        super().start()
        self.wait_for_workers(10)
        return self

    def end(self) -> None:
        """Stop it, by force where it does not within seconds."""
        with suppress(subprocess.TimeoutExpired, ProcessLookupError):
            self.process.terminate()
            self.process.wait(_GRACE)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.stop()

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def worker_ids(self) -> list[int]:
        """The processes that answer; the one that tracks resources has no threads of its own. None of a dead server."""
        own = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        children = own.read_text().split() if self.runs else []
        return [int(child) for child in children if len(list(Path(f"/proc/{child}/task").glob("*"))) > 1]

    def kill_workers(self, count: int, number: signal.Signals) -> int:
        """Send a signal to ``count`` workers at once and wait until they are gone; returns how many there were."""
        doomed = self.worker_ids()[:count]
        for worker in doomed:
            os.kill(worker, number)
        deadline = time.monotonic() + _GRACE
        while set(doomed) & set(self.worker_ids()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return len(doomed)

    def wait_for_workers(self, seconds: float) -> bool:
        """Whether there are as many as there should be, within so many seconds."""
        deadline = time.monotonic() + seconds
        while self.runs and time.monotonic() < deadline:
            if len(self.worker_ids()) == self.workers:
                return True
            time.sleep(0.1)
        return False

    def private_memory(self) -> float:
        """Megabytes that the workers share with nobody."""
        total = 0
        for worker in self.worker_ids():
            lines = Path(f"/proc/{worker}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
        return total / 1024

    def is_well(self) -> bool:
        """Whether several new clients in a row are answered at once."""
        return self.runs and all(get(self.url, "/v1/search?q=ferry", timeout=1).status == 200 for _ in range(8))


class Probe:
    """A well-behaved client that searches on a new connection twenty times a second, for a minute at most."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.replies: list[Reply] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _ask(self) -> None:
        deadline = time.monotonic() + 60
        while not self._done.wait(0.05) and time.monotonic() < deadline:
            # Other words each time: an answer that is cached would say less.
            self.replies.append(get(self._url, f"/v1/search?q=ferry+OR+probe{len(self.replies)}&typo=off"))


def ask_after(url: str) -> list[Reply]:
    """What 20 well-behaved clients get when an attack has ended; no more are tried after three were not answered."""
    replies: list[Reply] = []
    for number in range(20):
        if sum(reply.status != 200 for reply in replies) < 3:
            replies.append(get(url, f"/v1/search?q=harbour+OR+after{number}&typo=off"))
    return replies


def wait_for_status(url: str, paths: Sequence[str], status: int, seconds: float) -> float | None:
    """Seconds until eight new clients in a row get this status for each path; None if they do not in time."""
    started = time.monotonic()
    while (waited := time.monotonic() - started) < seconds:
        if all(get(url, path, timeout=1).status == status for _ in range(8) for path in paths):
            return waited
        time.sleep(0.2)
    return None


def describe(replies: Sequence[Reply]) -> str:
    """How many of how many were answered with 200, and how slow the slowest was."""
    answered = sum(reply.status == 200 for reply in replies)
    return f"{answered} of {len(replies)} are 200, slowest {slowest(replies):.2f} s"


def slowest(replies: Sequence[Reply]) -> float:
    return max((reply.seconds for reply in replies), default=TIMEOUT)


def all_served(replies: Sequence[Reply], within: float) -> bool:
    return bool(replies) and all(reply.status == 200 for reply in replies) and slowest(replies) < within
