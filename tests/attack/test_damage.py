"""Files of an index that change: before it is opened, and under a server that has it open."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from index.errors import IndexUnavailable
from index.indexer import build_index
from index.live import LiveIndex
from tests.attack.damage import digest, find_generation, flip, list_files, read_digest, replaced
from tests.attack.figures import Attack
from tests.attack.servers import Probe, Target, wait_for_status
from tests.support.factories import SAMPLE

FLIPS, FLIPS_AT_A_SWITCH = 1000, 200
ROUNDS, FLIPS_A_ROUND = 4, 250
# Until a server has seen that files which it serves were changed, and until it serves a new build.
SCRUB_SECONDS, BUILD_SECONDS = 20, 5
_PATHS = ("/readyz", "/v1/search?q=ferry", "/v1/stories/31001")


@pytest.fixture
def root(sample_index: Path, tmp_path: Path) -> Path:
    """A copy of the index of the sample that may be damaged."""
    return Path(shutil.copytree(sample_index, tmp_path / "index"))


def choose_file(root: Path, files: list[Path], number: int) -> Path:
    """Of four flips one is in the manifest and one in each twentieth in ``current``: few bytes that mean much."""
    if number % 20 == 0:
        return root / "current"
    return find_generation(root) / "manifest.json" if number % 4 == 1 else files[number % len(files)]


def say(outcomes: Counter[str]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())


def test_bit_flips_before_opening(root: Path, attack: Attack) -> None:
    """One bit of one file each, in all files of an index: opened anew, it is refused or answers the same."""
    rng, right, files = random.Random(16), read_digest(root), list_files(root)
    outcomes: Counter[str] = Counter()
    for number in range(FLIPS):
        path = choose_file(root, files, number)
        with replaced(path, flip(path.read_bytes(), rng)):
            try:
                outcomes["with the same answers" if read_digest(root) == right else "WITH OTHER ANSWERS"] += 1
            except IndexUnavailable:
                outcomes["refused"] += 1
            except Exception as error:
                outcomes[f"ENDED IN {type(error).__name__}"] += 1
    kept = set(outcomes) <= {"refused", "with the same answers"}
    attack.tell(f"{FLIPS} flips", say(outcomes), "refused, or the same answers", kept)


def test_bit_flips_of_a_new_generation(root: Path, attack: Attack) -> None:
    """A generation is open, and the one that is to replace it is damaged: the old one or the right new one answers."""
    rng, current = random.Random(17), root / "current"
    outcomes: Counter[str] = Counter()
    keeper = LiveIndex(root)
    try:
        with keeper.borrow() as generation:
            old, old_current = digest(generation), current.read_bytes()
            build_index(root, [SAMPLE])
            right, new_current, files = read_digest(root), current.read_bytes(), list_files(root)
            for number in range(FLIPS_AT_A_SWITCH):
                path = find_generation(root) / "manifest.json" if number % 4 else files[number % len(files)]
                try:
                    found = switch(root, old_current, new_current, path, flip(path.read_bytes(), rng))
                    outcomes[{old: "old", right: "new"}.get(found, "WITH OTHER ANSWERS")] += 1
                except Exception as error:
                    outcomes[f"ENDED IN {type(error).__name__}"] += 1
    finally:
        keeper.close()
    kept = set(outcomes) <= {"old", "new"}
    attack.tell(f"{FLIPS_AT_A_SWITCH} flips at a switch", say(outcomes), "the old one or the right new one", kept)


def switch(root: Path, old: bytes, new: bytes, path: Path, data: bytes) -> str:
    """What answers when ``current`` goes from ``old`` to ``new`` while ``path`` has other ``data``: its digest."""

    def write_current(content: bytes) -> None:
        (root / "current.next").write_bytes(content)
        (root / "current.next").rename(root / "current")

    write_current(old)
    live = LiveIndex(root)
    try:
        with live.borrow():
            pass
        with replaced(path, data):
            write_current(new)
            with live.borrow() as generation:
                return digest(generation)
    finally:
        live.close()
        write_current(new)


def damage_open_files(files: list[Path], rng: random.Random, *, cut: bool) -> None:
    """Many flips where the files lie, which have the same times afterwards; with ``cut`` some are shorter then."""
    for number in range(FLIPS_A_ROUND):
        path = rng.choice(files)
        stat = path.stat()
        if cut and number % 10 == 0:
            os.truncate(path, rng.randrange(stat.st_size + 1))
        elif stat.st_size:
            with open(path, "r+b") as file:
                place = rng.randrange(stat.st_size)
                file.seek(place)
                byte = file.read(1)[0]
                file.seek(place)
                file.write(bytes([byte ^ 1 << rng.randrange(8)]))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_damage_under_a_server(root: Path, start: Callable[..., Target], attack: Attack) -> None:
    """Flips and cuts of files that are mapped: the generation goes out of service, and a new build brings it back."""
    rng = random.Random(18)
    server = start(root)
    seen, back, asked = [], [], Counter[int | None]()
    for number in range(ROUNDS):
        damage_open_files(list_files(root), rng, cut=number % 2 == 1)
        with Probe(server.url) as probe:
            waited = wait_for_status(server.url, _PATHS, 503, SCRUB_SECONDS)
        asked.update(reply.status for reply in probe.replies)
        if waited is None:
            break
        seen.append(waited)
        build_index(root, [SAMPLE])
        returned = wait_for_status(server.url, _PATHS, 200, BUILD_SECONDS)
        if returned is None:
            break
        back.append(returned)
    tried = f"{ROUNDS} rounds of {FLIPS_A_ROUND} flips and cuts"
    statuses = ", ".join(f"{count} were {status or 'not answered'}" for status, count in asked.most_common())
    attack.tell(
        tried, f"out of service {len(seen)} times, after {max(seen, default=0):.1f} s at most; until then {statuses}",
        f"each time, within {SCRUB_SECONDS} s", len(seen) == ROUNDS,
    )  # fmt: skip
    attack.tell(
        tried, f"back {len(back)} times, after {max(back, default=0):.1f} s at most",
        f"each time, {BUILD_SECONDS} s after a build", len(back) == ROUNDS,
    )  # fmt: skip
    attack.tell(
        tried,
        f"server runs: {server.runs}, workers: {len(server.worker_ids())}",
        "it runs, with 2",
        (server.wait_for_workers(10)),
    )
