"""The time until a changed story is found: in one process, and by a server while ``outpost update`` runs."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.over_http import BIN, outpost_server, running
from index.indexer import update_index
from index.live import LiveIndex
from index.query.language import parse_query
from index.query.requests import SearchQuery

_ROUNDS = 7


@dataclass(frozen=True, slots=True)
class UpdateTimes:
    """Medians in seconds.

    ``process``: from the call of update_index until a search in the same process finds the story. ``command``: duration
    of ``outpost update``, from its start. ``server``: from its end until the server finds the story.
    """

    process: float
    command: float
    server: float


def measure_update_times(index: Path, work: Path) -> UpdateTimes:
    """Change one story of ``index`` several times. The last change stays."""
    live = LiveIndex(index)
    process = [_time_in_process(index, live, work / "change.ndjson", f"inprocess{number}") for number in range(_ROUNDS)]
    live.close()
    with running(outpost_server(index), work) as (port, _):
        timed = [_time_command(index, port, work / "change.ndjson", f"served{number}") for number in range(_ROUNDS)]
    command, server = zip(*timed, strict=True)
    return UpdateTimes(statistics.median(process), statistics.median(command), statistics.median(server))


def _time_in_process(index: Path, live: LiveIndex, file: Path, word: str) -> float:
    _write_story(file, word)
    query = SearchQuery(tree=parse_query(word, ()))

    def find() -> int:
        with live.borrow() as generation:
            return generation.engine.search_stories(query).total

    find()
    started = time.perf_counter()
    update_index(index, [file])
    _wait_until_found(find)
    return time.perf_counter() - started


def _time_command(index: Path, port: int, file: Path, word: str) -> tuple[float, float]:
    _write_story(file, word)
    url = f"http://127.0.0.1:{port}/v1/search?q={word}&typo=off"

    def find() -> int:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(json.load(answer)["total"])

    find()
    started = time.perf_counter()
    command = [str(BIN / "outpost"), "update", "--index", str(index), str(file)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own command
    changed = time.perf_counter()
    _wait_until_found(find)
    return changed - started, time.perf_counter() - changed


def _wait_until_found(find: Callable[[], int]) -> None:
    while find() != 1:
        time.sleep(0.001)


def _write_story(file: Path, word: str) -> None:
    source = {"url": "https://example.com/changed", "title": "A report", "publisher": {"name": "Example Wire"}}
    story = {"id": "changed-story", "title": f"A story that says {word}", "summary": "Changed.", "sources": [source]}
    file.write_text(json.dumps(story) + "\n")
