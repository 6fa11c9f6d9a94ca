"""The measurements as text: on the terminal, and as docs/benchmarks.md with its plot."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from sqlite3 import sqlite_version

from benchmarks import plot
from benchmarks.changes import Changes
from benchmarks.measure import (
    FACETED,
    MARKED,
    MODES,
    SEARCH,
    WHOLE,
    Mode,
    Results,
    agreement,
    geometric_mean,
    mean_matches,
    summarise,
)
from benchmarks.over_http import Load

_INTRODUCTION = """# Benchmarks

Outpost beside [tantivy](https://github.com/quickwit-oss/tantivy-py), SQLite's FTS5 and plain Whoosh: the same stories,
the same queries, in one process and one run, one engine after the other for every query. Read the ratios; the times
are those of one machine.

![Time of a query by class and engine](benchmarks.svg)
"""

_METHOD = """
## What is compared

- **Queries**: {queries} of each class, their words drawn from the stories with a fixed seed. Each is asked in {rounds}
  rounds (slow engines: {few} queries, 2 rounds), the engines in another order each time. Right before, each fast one
  answers another query, so that none pays for the caches that a slow one emptied. Times are the median over each
  query's best run; p99 is the 99th percentile over all runs. A ratio compares the same queries on both sides. Reading
  the text of the query is part of the time on every side.
- **Every engine** finds the best 20 stories and the exact total. Facets are topic and publisher, ten values each.
- **Outpost** always reads the 20 stories from its index; tantivy and FTS5 only name them where no more is said, and
  read theirs under "the 20 hits read" and for highlights. Its highlights are whole results of the API: title, summary,
  snippet and matched sources. It searches title and text with weights of their own, and leaves stop words out.
- **tantivy** {tantivy}: one segment, one writing thread, all text in one field (`en_stem`), words required by default;
  facets as fast fields through aggregations, once of text and once of integer codes whose names are looked up beside;
  a prefix as the words that begin so, which beats its regular expressions; snippets of its own generator. One field
  costs it least, and ranks by less than Outpost does; as "title" it ranks as Outpost: the whole text and, in a field of
  its own, half the title.
- **SQLite FTS5** {sqlite}: Porter's stems, `bm25()`, an index of prefixes, `optimize`; facets in tables of numbers.
- **Whoosh** {whoosh}: the schema and queries of Outpost, every match looked at.
- Queries whose total is within 1 % of Outpost's: {agreements}.
  The others differ in their stems, in stop words and in what a word is.
- More stories than the input has are its stories again with new ids and changed words.
"""


def iter_lines(results: Results) -> Iterator[str]:
    """For the terminal: medians, 99th percentiles in microseconds, and ratios."""
    for mode in MODES:
        yield f"\n{results.size:,} stories: {mode.name} (median / p99 µs, times as fast)"
        lines = {peer: summarise(results, mode, peer) for peer in results.peers}
        yield f"{'':20}" + "".join(f"{peer:>27}" for peer in results.peers)
        for kind in lines[results.peers[0]]:
            cells = [lines[peer][kind] for peer in results.peers]
            yield f"{kind:20}" + "".join(f"{c.median * 1e6:10.0f} {c.worst * 1e6:8.0f} {c.ratio:7.2f}" for c in cells)
        means = [geometric_mean(line.ratio for line in lines[peer].values()) for peer in results.peers]
        yield f"{'geometric mean':20}" + "".join(f"{mean:27.2f}" for mean in means)


def write(
    docs: Path,
    measured: Mapping[int, Results],
    main: int,
    loads: Sequence[Load],
    changed: Mapping[int, Changes],
    command: str,
) -> None:
    """docs/benchmarks.md and docs/benchmarks.svg."""
    results = measured[main]
    parts = [_INTRODUCTION, _machine(command), _summary(results)]
    parts += [_mode_table(results, mode) for mode in MODES]
    parts += [_over_http(loads), _building(measured), _changing(changed), _growth(measured), _method(results)]
    (docs / "benchmarks.md").write_text("\n".join(part.strip("\n") + "\n" for part in parts if part))
    (docs / "benchmarks.svg").write_text(plot.draw(measured, main))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown, the first column to the left and the others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _machine(command: str) -> str:
    today = datetime.now(UTC).date().isoformat()
    python = f"Python {platform.python_version()}"
    return f"{today}, {os.cpu_count()} cores, {platform.machine()}, {python}:\n\n```\n{command}\n```"


def _summary(results: Results) -> str:
    rows = []
    for mode in MODES:
        ratios = [summarise(results, mode, peer).values() for peer in results.peers[1:]]
        cells = [f"{geometric_mean(x.ratio for x in of):.1f} ({min(x.ratio for x in of):.1f})" for of in ratios]
        rows.append([mode.name, *cells])
    head = f"## {results.size:,} stories\n\nHow many times as fast Outpost is: the geometric mean over the classes of "
    return f"{head}queries (the worst class).\n\n" + table(["", *results.peers[1:]], rows)


def _mode_table(results: Results, mode: Mode) -> str:
    lines = {peer: summarise(results, mode, peer) for peer in results.peers}
    first, *others = results.peers
    header = ["median / p99, µs", "stories found", first]
    for peer in others:
        header += [peer, "ratio"]
    rows = []
    for kind, own in lines[first].items():
        row = [kind, f"{mean_matches(results, kind):,.0f}", f"{_micros(own.median)} / {_micros(own.worst)}"]
        for peer in others:
            line = lines[peer][kind]
            row += [f"{_micros(line.median)} / {_micros(line.worst)}", _ratio(line.ratio)]
        rows.append(row)
    mean = ["geometric mean", "", _micros(geometric_mean(x.median for x in lines[first].values()))]
    for peer in others:
        medians, ratios = zip(*((x.median, x.ratio) for x in lines[peer].values()), strict=True)
        mean += [_micros(geometric_mean(medians)), f"**{_ratio(geometric_mean(ratios))}**"]
    return f"### {mode.name[0].upper()}{mode.name[1:]}\n\n" + table(header, [*rows, mean])


def _micros(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f}"


def _ratio(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.1f}"


def _over_http(loads: Sequence[Load]) -> str:
    if not loads:
        return ""
    rows = [
        [
            load.name,
            load.queries + (" (some twice)" if load.repeated else ""),
            f"{load.per_second:,.0f}",
            f"{load.median * 1000:.2f}",
            f"{load.worst * 1000:.2f}",
            f"{load.answer_bytes / 1000:.1f}",
            f"{load.memory / 1e6:.0f}",
            str(load.failed),
        ]
        for load in loads
    ]
    header = ["", "queries", "requests a second", "median, ms", "p99, ms", "kB an answer", "private MB", "failed"]
    said = (
        "20 hits, two facets and highlights; `wrk` with 8 connections on one core, the server (granian, one worker) on "
        "another. One to three words of a story, all required, that find at least 20."
    )
    return f"## Over HTTP\n\n{said}\n\n" + table(header, rows)


def _building(measured: Mapping[int, Results]) -> str:
    rows = []
    for size, results in measured.items():
        for peer, built in results.built.items():
            speed = f"{size / built.seconds:,.0f}"
            rows.append([f"{size:,}", peer, f"{built.seconds:.1f}", speed, f"{built.bytes / 1e6:,.0f}", built.note])
    said = "From a file of JSON lines to an open index, each line checked as a story on every side."
    return f"## Building\n\n{said}\n\n" + table(["stories", "", "seconds", "stories a second", "MB", ""], rows)


def _changing(changed: Mapping[int, Changes]) -> str:
    rows = [
        [f"{size:,}", *(f"{seconds:.3f}" for seconds in (of.process, of.command, of.server))]
        for size, of in changed.items()
    ]
    said = (
        "One story changes; medians in seconds. In one process: from the call of `update_index` to a search that finds "
        "it. Otherwise `outpost update` changes the index under a server that runs on another core."
    )
    header = ["stories", "in one process", "the command, its start included", "from its end to the server's answer"]
    return f"## Changing a story\n\n{said}\n\n" + table(header, rows)


def _growth(measured: Mapping[int, Results]) -> str:
    if len(measured) < 2:
        return ""
    parts = []
    for mode in (SEARCH, FACETED, MARKED):
        kinds = summarise(next(iter(measured.values())), mode, "Outpost")
        rows = []
        for kind in kinds:
            row = [kind]
            for results in measured.values():
                ours, theirs = (summarise(results, mode, peer)[kind].median for peer in ("Outpost", "tantivy"))
                row.append(f"{mean_matches(results, kind):,.0f}: {_micros(ours)} ({_micros(theirs)})")
            rows.append(row)
        header = ["", *(f"{size:,}" for size in measured)]
        parts.append(f"### Growth: {mode.name}\n\n{table(header, rows)}\n")
    said = "Stories found: median of Outpost in µs (of tantivy)."
    return f"## Growth with the number of stories\n\n{said}\n\n" + "\n".join(parts)


def _method(results: Results) -> str:
    runs = results.times[WHOLE.name, "Outpost"]
    classes = len({question.kind for question in runs})
    others = results.peers[1:]
    few = {sum(1 for q in results.times[SEARCH.name, peer] if q.kind == "two words") for peer in others}
    return _METHOD.format(
        queries=len(runs) // classes,
        rounds=max(map(len, runs.values())),
        few=" or ".join(str(count) for count in sorted(few - {max(few)})) or "as many",
        tantivy=version("tantivy"),
        sqlite=sqlite_version,
        whoosh=version("whoosh"),
        agreements=", ".join(f"{peer} {agreement(results, peer):.0%}" for peer in others),
    )
