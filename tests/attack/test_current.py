"""The file ``current`` is something else than a file, or very large: nothing waits for it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.attack.figures import Attack, list_wrong
from tests.attack.servers import Target
from tests.attack.sockets import get
from tests.e2e.conftest import BIN, clean_env
from tests.support.factories import SAMPLE

SECONDS = 8.0


def make_sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 200_000_000)


KINDS: dict[str, Callable[[Path], None]] = {
    "FIFO": os.mkfifo,
    "directory": Path.mkdir,
    "link to itself": lambda path: path.symlink_to(path),
    "link to a terminal": lambda path: path.symlink_to("/dev/tty"),
    "socket": lambda path: os.mknod(path, 0o600 | stat.S_IFSOCK),
    "file of 200 MB": make_sparse,
    "nothing": lambda path: None,
}  # fmt: skip


@pytest.fixture
def root(sample_index: Path, tmp_path: Path) -> Path:
    """A copy of the sample's index."""
    return Path(shutil.copytree(sample_index, tmp_path / "index"))


@contextmanager
def replaced(root: Path, kind: str) -> Iterator[None]:
    current, kept = root / "current", root / "kept"
    current.rename(kept)
    KINDS[kind](current)
    try:
        yield
    finally:
        with suppress(IsADirectoryError, FileNotFoundError):
            current.unlink()
        if current.is_dir():
            current.rmdir()
        kept.rename(current)


@pytest.mark.parametrize("kind", ["FIFO", "directory"])
def test_current_at_the_start(kind: str, root: Path, tmp_path: Path, attack: Attack) -> None:
    """A server is started on it, and takes the right one when it is there."""
    with replaced(root, kind):
        server = Target(root, tmp_path / "server", workers=1)
        try:
            before = wait_for(server, 503)
        except BaseException:
            server.end()
            raise
    try:
        after = wait_for(server, 200)
    finally:
        server.end()
    attack.tell(
        f"{kind} as current",
        f"/readyz is {before}, then {after}",
        "503, not a hang; then 200",
        ((before, after) == (503, 200)),
    )


def wait_for(server: Target, status: int) -> int | None:
    """The status of /readyz: this one, or what it is when the time is over."""
    deadline = time.monotonic() + SECONDS
    while (found := get(server.url, "/readyz", timeout=1).status) != status and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def test_current_under_a_server(root: Path, start: Callable[..., Target], attack: Attack) -> None:
    """It is replaced under a server, which goes on with what it has open."""
    server, wrong = start(root, workers=1), []
    paths = ("/v1/search?q=ferry", "/readyz", "/metrics")
    for kind in KINDS:
        # It has the generation open from now on.
        wait_for(server, 200)
        with replaced(root, kind):
            statuses = [get(server.url, path, timeout=2).status for path in paths]
        if statuses != [200] * 3:
            wrong.append(f"{kind}: {statuses}")
            server.end()
            server = start(root, workers=1)
    attack.tell(
        f"{len(KINDS)} things as current", f"wrong: {list_wrong(wrong)}", "none: the old generation answers", not wrong
    )


def test_current_for_the_commands(root: Path, attack: Attack) -> None:
    """Commands end, and a build puts a right one in its place where that can be."""
    wrong = []
    for kind in ("FIFO", "directory"):
        for command in (["status"], ["update", SAMPLE], ["build", SAMPLE]):
            with replaced(root, kind):
                try:
                    arguments = [BIN / "outpost", *command, "--index", root]
                    ran = subprocess.run(arguments, capture_output=True, text=True, env=clean_env(), timeout=SECONDS)
                except subprocess.TimeoutExpired:
                    wrong.append(f"{command[0]}, {kind}: hangs")
                    continue
                if "Traceback" in ran.stderr or (ran.returncode != 2 and command[0] != "build"):
                    wrong.append(f"{command[0]}, {kind}: exit code {ran.returncode}")
    tried = "status, update and build on a FIFO and a directory"
    attack.tell(tried, f"wrong: {list_wrong(wrong, 6)}", "none: an error that says so, no hang", not wrong)
