"""The other files of deploy/, and a read-only file system as the container has it."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from index.settings import Settings
from tests.e2e.conftest import BIN, ROOT

DEPLOY = ROOT / "deploy"
ANALYZE = shutil.which("systemd-analyze")
UNITS = ("outpost.service", "outpost-rebuild.service", "outpost-rebuild.timer")


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
def test_systemd_takes_every_unit(tmp_path: Path) -> None:
    for name in UNITS:
        text = (DEPLOY / name).read_text().replace("/opt/outpost/.venv/bin", str(BIN))
        (tmp_path / name).write_text(text)
    assert ANALYZE
    ran = subprocess.run(
        [ANALYZE, "verify", "--man=no", *[tmp_path / name for name in UNITS]], capture_output=True, text=True
    )
    # Other units of the machine may have faults of their own.
    assert [line for line in ran.stderr.splitlines() if "outpost" in line] == []


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
def test_the_server_may_do_little(tmp_path: Path) -> None:
    assert ANALYZE
    ran = subprocess.run(
        [ANALYZE, "security", "--offline=yes", DEPLOY / "outpost.service"], capture_output=True, text=True
    )
    told = re.search(r"exposure level for outpost.service: ([\d.]+)", ran.stdout)
    assert told, ran.stdout + ran.stderr
    # Of 10, where systemd calls 1 to 2 "OK" and a service without any of it 9.6.
    assert float(told[1]) < 2


def test_the_commands_of_the_units_exist(tmp_path: Path) -> None:
    for name in UNITS[:2]:
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str  # type: ignore[assignment]
        unit.read_string((DEPLOY / name).read_text())
        [command] = re.findall(r"/opt/outpost/\.venv/bin/outpost (\w+)", unit["Service"]["ExecStart"])
        ran = subprocess.run([BIN / "outpost", command, "--help"], capture_output=True, text=True)
        assert ran.returncode == 0


def test_the_services_of_compose_run_commands_and_settings_that_exist() -> None:
    text = (ROOT / "compose.yaml").read_text()
    outpost = yaml.safe_load(text)["services"]["outpost"]
    commands = [outpost["command"], *(told.split() for told in re.findall(r"run --rm outpost ([^`]+)`", text))]
    assert [command[0] for command in commands] == ["serve", "build"]
    for command in commands:
        options = [word for word in command if word.startswith("-")]
        helped = subprocess.run([BIN / "outpost", command[0], "--help"], capture_output=True, text=True)
        assert helped.returncode == 0
        assert all(option in helped.stdout for option in options)
    # The image's entry point is the command line itself.
    assert 'exec outpost \\"$@\\"' in (ROOT / "Dockerfile").read_text()
    assert str(Settings.from_env(outpost["environment"]).place) == outpost["environment"]["OUTPOST_ENGINE"]
    assert outpost["environment"].keys() <= Settings().to_env().keys()


def test_what_the_image_is_made_of_is_let_through_and_nothing_else() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {name for names in copied for name in names.split()} == let_through
    assert all((ROOT / name).exists() for name in let_through)
