"""The other files of deploy/, and a read-only file system as the container has it."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from api.settings import Settings
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
def test_the_services_may_do_little() -> None:
    assert ANALYZE
    scores = {}
    for name in UNITS[:2]:
        ran = subprocess.run([ANALYZE, "security", "--offline=yes", DEPLOY / name], capture_output=True, text=True)
        told = re.search(rf"exposure level for {name}: ([\d.]+)", ran.stdout)
        assert told, ran.stdout + ran.stderr
        scores[name] = float(told[1])
    # Of 10, where systemd calls 1 to 2 "OK" and a service without any of it 9.6.
    assert scores["outpost-rebuild.service"] <= scores["outpost.service"] < 2


def read_service(name: str) -> dict[str, list[str]]:
    """The settings of a unit's service, of which some occur more than once."""
    lines = (DEPLOY / name).read_text().partition("[Service]")[2].partition("[Install]")[0].splitlines()
    settings: dict[str, list[str]] = {}
    for setting, _, value in (line.partition("=") for line in lines if re.match("[A-Z]", line)):
        settings.setdefault(setting, []).append(value)
    return settings


def test_the_build_is_confined_as_the_server_is() -> None:
    server, build = map(read_service, UNITS[:2])
    confining = {name for name in server if re.match("Protect|Private|Restrict|NoNew|Lock|System|.*Cap|UMask", name)}
    assert len(confining) == 22
    for name in confining - {"RestrictAddressFamilies"}:
        assert build[name] == server[name]
    assert build["PrivateNetwork"] == ["yes"]
    assert build["RestrictAddressFamilies"] == ["AF_UNIX"]


@pytest.mark.parametrize("name", UNITS[:2])
def test_memory_tasks_and_descriptors_of_a_service_are_bounded(name: str) -> None:
    service = read_service(name)
    assert re.fullmatch(r"[1-9]\d*G", service["MemoryMax"][0])
    assert 16 < int(service["TasksMax"][0]) <= 512
    assert 4096 <= int(service["LimitNOFILE"][0]) <= 65_536


def test_the_image_is_made_of_one_that_never_changes() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("FROM")] == ["FROM ${PYTHON} AS build", "FROM ${PYTHON}"]
    (base,) = (line for line in lines if line.startswith("ARG"))
    assert re.fullmatch(r"ARG PYTHON=python:3\.11-slim@sha256:[0-9a-f]{64}", base)


def test_containers_start_again() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert [service["restart"] for service in services.values()] == ["unless-stopped"] * 2
    for file in ("Dockerfile", "docs/operations.md"):
        runs = [line for line in (ROOT / file).read_text().splitlines() if "docker run" in line and "-p" in line]
        assert runs
        assert all("-d --restart unless-stopped" in line for line in runs)


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
