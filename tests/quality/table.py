"""The whole table: what is measured on what, what it came to, and the floor below which a test fails."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from index.documents.story import Story
from index.readers.ndjson import AcceptedLine, iter_stories
from tests.quality import judged
from tests.quality.judged import DATA, HAS_DATA, Judged
from tests.quality.tasks import measure_known_items, measure_questions, measure_related, serve

# How many known items are looked for, and the files that they are drawn from.
_ITEMS = 500
_LARGE = ("ainews.ndjson.gz", "wiki_events.ndjson.gz")


@dataclass(frozen=True)
class Task:
    """One row. ``measure`` gives a number, 0 to 1; one that needs third-party data is not always there."""

    name: str
    what: str
    floor: float
    measure: Callable[[], float]
    needs_data: bool = True


def _ask(read: Callable[[], Judged]) -> float:
    collection = read()
    with serve(collection.stories) as engine:
        return measure_questions(engine, collection)


def _relate(collection: Judged, depth: int) -> float:
    with serve(collection.stories) as engine:
        return measure_related(engine, collection, depth)


def _relate_clusters(name: str, *, dated: bool) -> float:
    # The clusters of headlines have up to 200: all are looked through. Others have 3.
    return _relate(judged.read_clusters(name, dated=dated), 4_000 if name.startswith("uci") else 200)


def _find_known() -> float:
    stories = list(_read_large())
    with serve(stories) as engine:
        rank, first = measure_known_items(engine, stories, _ITEMS)
    print(f"known items: {first:.3f} of {_ITEMS} come first")
    return rank


def _read_large() -> Iterator[Story]:
    """What a build with --skip-invalid takes."""
    for name in _LARGE:
        yield from (one.story for one in iter_stories(DATA / name) if isinstance(one, AcceptedLine))


TASKS: Final = (
    Task("own", "questions, match=any: MAP", 0.95, lambda: _ask(judged.read_own), needs_data=False),
    Task("own", "related: MAP", 0.95, lambda: _relate(judged.read_own(), 20), needs_data=False),
    Task("time", "questions, first 10 words title: MAP", 0.66, lambda: _ask(lambda: judged.read_time(10))),
    Task("time", "questions, no titles: MAP", 0.64, lambda: _ask(lambda: judged.read_time(0))),
    Task("neus", "related, with times: MAP", 0.95, lambda: _relate_clusters("neus_articles", dated=True)),
    Task("neus", "related, without times: MAP", 0.84, lambda: _relate_clusters("neus_articles", dated=False)),
    Task("uci", "related, with times: MAP", 0.75, lambda: _relate_clusters("uci_headlines", dated=True)),
    Task("uci", "related, without times: MAP", 0.65, lambda: _relate_clusters("uci_headlines", dated=False)),
    Task("allsides", "related, without times: MAP", 0.73, lambda: _relate(judged.read_allsides(), 100)),
    Task("large files", "known items by 3 or 4 words: MRR", 0.85, _find_known),
)


def main() -> int:
    """Print a row a task; 1 where one is below its floor."""
    below = 0
    print(f"{'collection':<12} {'measure':<38} {'is':>6} {'floor':>6}")
    for task in TASKS:
        if task.needs_data and not HAS_DATA:
            print(f"{task.name:<12} {task.what:<38} skipped: OUTPOST_QUALITY_DATA is not set")
            continue
        value = task.measure()
        below += value < task.floor
        print(f"{task.name:<12} {task.what:<38} {value:6.3f} {task.floor:6.3f}", flush=True)
    return int(below > 0)


if __name__ == "__main__":
    sys.exit(main())
