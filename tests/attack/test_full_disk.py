"""A /tmp that is full: what the server keeps there must not end it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.attack.figures import Attack
from tests.attack.servers import Probe, Target, wait_for_status
from tests.attack.sockets import get

PATHS = ("/v1/search?q=ferry", "/metrics", "/v1/suggest?q=fe", "/none", "/search?q=tide", "/v1/sources", "/status")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB in memory."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        pytest.skip("a file system can be mounted by root alone")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(place: Path) -> None:
    with suppress(OSError), open(place / "filler", "ab", buffering=0) as filler:
        for size in (4096, 1):
            with suppress(OSError):
                for _ in range(1000):
                    filler.write(b"x" * size)


@pytest.mark.parametrize("when", ["before the start", "after the start"])
def test_full_temporary_directory(
    when: str, sample_index: Path, small_disk: Path, start: Callable[..., Target], attack: Attack
) -> None:
    """The directory fills up, requests go on, and a worker is replaced."""
    early = when == "before the start"
    if early:
        fill(small_disk)
    # Python looks for another temporary directory where one is full at the start; a directory that is set stays.
    setting = f"OUTPOST_METRICS={small_disk}/metrics" if early else f"TMPDIR={small_disk}"
    try:
        server = start(sample_index, settings=[setting])
    except AssertionError:
        attack.tell(f"full {when}", "the server does not start", "it starts and says so in its log", False)
        return
    workers, failed = set(server.worker_ids()), 0
    with Probe(server.url) as probe:
        for _ in range(10):
            fill(small_disk)
            # Counts that no request has changed yet lie on pages that the disk has no room for.
            failed += sum(get(server.url, path).status not in (200, 404) for path in PATHS)
        lost = workers - set(server.worker_ids())
    attack.tell(f"full {when}, {10 * len(PATHS)} requests", f"{failed} failed", "none", not failed)
    attack.tell(f"full {when}", f"{len(lost)} of {len(workers)} workers ended", "none", not lost)
    attack.tell_served(f"full {when}", probe, server)
    if server.kill_workers(1, signal.SIGKILL):
        server.wait_for_workers(8)
        wait_for_status(server.url, PATHS[:1], 200, 8)
        attack.tell_served(f"full {when}, and a worker is killed", probe, server)
