"""`make attack`: collected with --attack alone. Each test is an attack, and its figures stand in a table at the end."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import FrameType

import pytest

from tests.attack.figures import Attack, Figure, format_table
from tests.attack.servers import Target
from tests.support.factories import SAMPLE, build_stories, make_story

# No attack may take longer, whatever it waits for.
PATIENCE = 90
_FIGURES = pytest.StashKey[list[Figure]]()
_ATTACK = pytest.StashKey[Attack]()
# Connections of the largest attack, on both ends.
_DESCRIPTORS = 8192


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = []


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    return None if config.getoption("--attack") else True


class TookTooLong(BaseException):
    """No Exception: what an attack passes over must not hide that it hangs."""


def _give_up(number: int, frame: FrameType | None) -> None:
    raise TookTooLong(f"more than {PATIENCE} seconds")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Ends an attack that hangs, gathers its figures, and fails where one is broken."""
    attack = item.stash[_ATTACK]
    before = signal.signal(signal.SIGALRM, _give_up)
    if not item.config.getoption("--attack-requests"):
        signal.alarm(PATIENCE)
    try:
        yield
    except pytest.skip.Exception as error:
        attack.tell_end("skipped", str(error))
        raise
    except BaseException as error:
        attack.tell_end("BROKEN", f"{type(error).__name__}: {error}".partition("\n")[0][:120])
        raise
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        item.config.stash[_FIGURES] += attack.figures
    if attack.broken:
        pytest.fail(f"{len(attack.broken)} promises are broken; the table says which", pytrace=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    figures = config.stash[_FIGURES]
    if figures:
        terminalreporter.section("figures: attack, what was tried, figure, promise")
        for line in format_table(figures):
            terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def attack(request: pytest.FixtureRequest) -> Attack:
    """Takes the figures of a test."""
    made = Attack(request.node.name.removeprefix("test_").replace("_", " "))
    request.node.stash[_ATTACK] = made
    return made


@pytest.fixture(scope="session", autouse=True)
def _descriptors() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


@pytest.fixture(scope="session")
def large_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample and 6,000 made-up stories, whose export is larger than what sockets take in; not to be changed."""
    text = "The night ferry from the harbour was late, robots said, for the tide {0} of winter {1}. " * 20
    topics = ["Energy", "Robots", "Sea", "Winter", "Cities"]
    made = (
        make_story(
            f"m{n}", title=f"Ferry {n} waits for tide {n % 97}", summary=text.format(n % 31, n % 7),
            topics=[topics[n % 5], f"Topic {n % 50}"], published_at=f"2025-0{1 + n % 9}-1{n % 9}T12:00:00Z",
        )
        for n in range(6000)
    )  # fmt: skip
    return build_stories(tmp_path_factory.mktemp("large") / "index", made, SAMPLE)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Target]]:
    """Starts servers that end with the test; arguments are those of Target, without ``home``."""
    targets: list[Target] = []

    def start_one(index: Path, **options: object) -> Target:
        targets.append(Target(index, tmp_path / f"server-{len(targets)}", **options))  # type: ignore[arg-type]
        targets[-1].start()
        return targets[-1]

    yield start_one
    for target in targets:
        target.end()


@pytest.fixture(scope="session")
def _shared(large_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Target]]:
    targets: list[Target] = []

    def find() -> Target:
        if not targets or not targets[-1].is_well():
            if targets:
                targets[-1].end()
            targets.append(Target(large_index, tmp_path_factory.mktemp("target")))
            targets[-1].start()
        return targets[-1]

    yield find
    if targets:
        targets[-1].end()


@pytest.fixture
def server(_shared: Callable[[], Target]) -> Target:
    """A server of two workers over the large index: that of the attack before, if it is still well."""
    return _shared()
