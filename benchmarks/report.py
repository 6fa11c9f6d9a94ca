"""The results as text: on the terminal, and in docs/benchmarks.md with a plot."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from sqlite3 import sqlite_version

from benchmarks import plot
from benchmarks.over_http import LoadResult
from benchmarks.timing import (
    EVERYTHING,
    FACETED,
    HIGHLIGHTED,
    MODES,
    SEARCH,
    Mode,
    Results,
    agreement,
    geometric_mean,
    mean_matches,
    summarise,
)
from benchmarks.update_times import UpdateTimes

_INTRODUCTION = """# Benchmarks

Outpost compared with [tantivy](https://github.com/quickwit-oss/tantivy-py), SQLite's FTS5 and plain Whoosh: the same
stories and queries, in one process and one run, with all engines in turn for each query. Look at the ratios; the times
depend on the machine.

![Time of a query by class and engine](benchmarks.svg)
"""

_METHOD = """
## What is compared

- **Queries**: {queries} of each class, with words drawn from the stories by a fixed seed. Each runs in {rounds} rounds
  (slow engines: {few} queries, 2 rounds), with the engines in a different order each time. Before each measurement a
  fast engine runs another query, because a slow engine may have filled the processor's caches. The median is over the
  best run of each query, p99 over all runs. A ratio compares the same queries. All times include parsing the query.
- **Every engine** finds the best 20 stories and the exact total. Facets are topic and publisher, ten values each.
- **Outpost** always reads the 20 stories from its index. tantivy and FTS5 read them only for "the 20 hits read" and for
  highlights. Outpost's highlights are complete results of the API: title, summary, snippet and matched sources. It
  weights title and text separately, and leaves stop words out.
- **tantivy** {tantivy}: one segment, one writer thread, all text in one field (`en_stem`), all words required. Facets
  are aggregations over fast fields: of text, or ("codes") of integers with a list of names. A prefix is expanded
  to its words, which is faster than tantivy's regular expressions. Snippets come from its own generator. One field is
  tantivy's fastest choice, but ranks by less than Outpost; "title" has a second field for the title with half the
  weight, and ranks as Outpost does.
- **SQLite FTS5** {sqlite}: Porter's stemmer, `bm25()`, a prefix index, `optimize`; facets in tables of numbers.
- **Whoosh** {whoosh}: the schema and queries of Outpost, and every match is scored.
- Queries with a total within 1 % of Outpost's: {agreements}.
  The others differ in stemming, stop words and tokenization.
- If more stories are needed than the input has, its stories are repeated with new ids and varied words.
"""


def iter_lines(results: Results) -> Iterator[str]:
    """Lines for the terminal: medians and 99th percentiles in microseconds, and ratios."""
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
    loads: Sequence[LoadResult],
    updates: Mapping[int, UpdateTimes],
    command: str,
) -> None:
    """Write benchmarks.md and benchmarks.svg in ``docs``."""
    results = measured[main]
    parts = [_INTRODUCTION, _machine(command), _summary(results)]
    parts += [_mode_table(results, mode) for mode in MODES]
    parts += [_over_http(loads), _building(measured), _changing(updates), _growth(measured), _method(results)]
    (docs / "benchmarks.md").write_text("\n".join(part.strip("\n") + "\n" for part in parts if part))
    (docs / "benchmarks.svg").write_text(plot.draw(measured, main))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table. The first column is aligned left, the others right."""
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
        cells = [f"{geometric_mean(x.ratio for x in peer):.1f} ({min(x.ratio for x in peer):.1f})" for peer in ratios]
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
    for kind, times in lines[first].items():
        row = [kind, f"{mean_matches(results, kind):,.0f}", f"{_micros(times.median)} / {_micros(times.worst)}"]
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


def _over_http(loads: Sequence[LoadResult]) -> str:
    if not loads:
        return ""
    rows = [
        [
            load.name,
            load.queries + (" (some repeated)" if load.repeated else ""),
            f"{load.per_second:,.0f}",
            f"{load.median * 1000:.2f}",
            f"{load.worst * 1000:.2f}",
            f"{load.answer_bytes / 1000:.1f}",
            f"{load.memory / 1e6:.0f}",
            str(load.failed),
        ]
        for load in loads
    ]
    header = ["", "queries", "requests per second", "median, ms", "p99, ms", "kB per answer", "private MB", "failed"]
    note = (
        "20 hits, two facets and highlights. `wrk` has 8 connections on one core; the server (granian, one worker) has "
        "another core. Queries are one to three words of a story, all required, with at least 20 hits."
    )
    return f"## Over HTTP\n\n{note}\n\n" + table(header, rows)


def _building(measured: Mapping[int, Results]) -> str:
    rows = []
    for size, results in measured.items():
        for peer, built in results.built.items():
            speed = f"{size / built.seconds:,.0f}"
            rows.append([f"{size:,}", peer, f"{built.seconds:.1f}", speed, f"{built.bytes / 1e6:,.0f}", built.note])
    note = "From a file of JSON lines to an open index. All engines validate each line."
    return f"## Building\n\n{note}\n\n" + table(["stories", "", "seconds", "stories per second", "MB", ""], rows)


def _changing(updates: Mapping[int, UpdateTimes]) -> str:
    rows = [
        [f"{size:,}", *(f"{seconds:.3f}" for seconds in (times.process, times.command, times.server))]
        for size, times in updates.items()
    ]
    note = (
        "One story changes; medians in seconds. In one process: from the call of `update_index` until a search finds "
        "the story. With a server: `outpost update` changes the index while a server runs on another core."
    )
    header = ["stories", "in one process", "`outpost update`", "from its end until the server finds the story"]
    return f"## Changing a story\n\n{note}\n\n" + table(header, rows)


def _growth(measured: Mapping[int, Results]) -> str:
    if len(measured) < 2:
        return ""
    parts = []
    for mode in (SEARCH, FACETED, HIGHLIGHTED):
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
    note = "Each cell: hits, median of Outpost in µs, median of tantivy in parentheses."
    return f"## Growth with the number of stories\n\n{note}\n\n" + "\n".join(parts)


def _method(results: Results) -> str:
    runs = results.times[EVERYTHING.name, "Outpost"]
    classes = len({query.kind for query in runs})
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
