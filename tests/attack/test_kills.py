"""Builds and updates that are killed at random moments."""

from __future__ import annotations

import hashlib
import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from index.indexer import build_index
from index.live import LiveIndex
from index.query.requests import SearchQuery
from index.search import export_stories
from tests.attack.damage import find_generation
from tests.attack.figures import Attack
from tests.e2e.conftest import BIN, clean_env
from tests.support.factories import make_story, to_line, write_stories

KILLS = 20
_TEXT = "Tides turn mills and mills turn heads. " * 20


def digest_lines(lines: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(sorted(lines))).hexdigest()


def read_index(root: Path) -> str:
    """A digest of all stories of the current generation, each of which a search finds; all checksums are right."""
    live = LiveIndex(root)
    try:
        with live.borrow() as generation:
            lines = list(export_stories(generation, SearchQuery()))
            found = generation.engine.search_stories(SearchQuery(limit=0)).total
    finally:
        live.close()
    return digest_lines(lines) if found == len(lines) else f"{found} of {len(lines)} stories are found"


def run_killed(command: list[str], seconds: float) -> bool:
    """Whether the process was killed before it ended."""
    process = subprocess.Popen(command, env=clean_env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


def test_builds_and_updates_that_are_killed(tmp_path: Path, attack: Attack) -> None:
    """SIGKILL at any moment leaves what was there, or what was to be there."""
    rng, root = random.Random(19), tmp_path / "index"
    old = [make_story(str(n), title=f"Old {n}", summary=_TEXT) for n in range(1000)]
    new = [make_story(str(n), title=f"New {n}", summary=_TEXT, topics=[f"T{n % 7}"]) for n in range(500, 1500)]
    old_file, new_file = write_stories(tmp_path / "old.ndjson", old), write_stories(tmp_path / "new.ndjson", new)
    states = {
        digest_lines(map(to_line, old)): "before",
        digest_lines(map(to_line, new)): "after a build",
        digest_lines(map(to_line, [*old[:500], *new])): "after an update",
    }
    build_index(root, [old_file])
    outcomes: Counter[str] = Counter()
    killed, lasts = 0, {}
    for number in range(KILLS + 2):
        way = ("build", "update")[number % 2]
        command = [str(BIN / "outpost"), way, str(new_file), "--index", str(root)]
        started = time.monotonic()
        # The first of each is not killed: how long it lasts. Most of it is the start of Python.
        killed += run_killed(command, rng.uniform(0.4, 1.05) * lasts.get(way, 60))
        lasts.setdefault(way, time.monotonic() - started)
        try:
            state = states.get(read_index(root), "A MIX")
        except Exception as error:
            state = f"ENDED IN {type(error).__name__}"
        outcomes[state] += 1
        if state != "before":
            build_index(root, [old_file])
    told = ", ".join(f"{count} {state}" for state, count in outcomes.most_common())
    attack.tell(
        f"{KILLS} builds and updates, {killed} killed",
        told,
        "before or after, never a mix",
        (set(outcomes) <= set(states.values())),
    )
    build_index(root, [old_file])
    left = [path.name for path in (root / "generations").iterdir() if path != find_generation(root)]
    attack.tell("the build after them", f"{len(left)} leftovers", "none", not left)
