"""The two commands."""

from __future__ import annotations

import subprocess
from pathlib import Path

import requests

from tests.e2e.conftest import ROOT, Server, clean_env, free_port


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=ROOT, env=clean_env(), capture_output=True, text=True)


def test_make_run_builds_the_sample_index_once_and_serves_it(tmp_path: Path, start_server: type[Server]) -> None:
    for built in (True, False):
        port = free_port()
        command = ["make", "--old-file=.venv/installed", "run", f"PORT={port}", f"INDEX={tmp_path / 'sample'}"]
        server = start_server(tmp_path, command=command, port=port)
        assert requests.get(f"{server.url}/status", timeout=10).json()["stories"] == 72
        assert ("72 stories" in server.log.read_text()) is built
        server.process.terminate()
        server.process.wait(30)


def test_make_test_runs_every_check() -> None:
    said = make("--dry-run", "test").stdout
    for check in ("ruff check", "ruff format --check", "mypy", "lint-imports", "pytest"):
        assert check in said


def test_continuous_integration_calls_make_test() -> None:
    assert "exec make test" in (ROOT / ".ci" / "run").read_text()


def test_make_alone_lists_what_there_is() -> None:
    printed = make().stdout
    for target in ("help", "run", "test", "check", "format", "bench"):
        assert f"make {target} " in printed


def test_make_test_runs_some_tests_alone() -> None:
    printed = make("--dry-run", "test", "TEST=tests/unit/test_deadline.py").stdout
    assert "pytest tests/unit/test_deadline.py" in printed
    assert "ruff" not in printed


def test_serving_needs_no_tools_of_developers() -> None:
    printed = make("--dry-run", "--always-make", "run").stdout
    assert "-r requirements.lock" in printed
    assert "requirements-dev.lock" not in printed
    pinned = {line.partition("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line}
    assert pinned & {"pytest", "mypy", "ruff", "playwright", "hypothesis"} == set()


def test_making_the_environment_twice_does_nothing() -> None:
    assert "pip install" not in make("--dry-run", "setup").stdout
