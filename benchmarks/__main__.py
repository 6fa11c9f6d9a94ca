"""python -m benchmarks --data FILE…: measures, prints, and writes docs/benchmarks.md."""

from __future__ import annotations

import itertools
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from benchmarks import changes, measure, over_http, report
from benchmarks.changes import Changes
from benchmarks.corpus import Input, write_stories
from benchmarks.measure import Results
from benchmarks.over_http import Load
from benchmarks.peers import HITS, Peer
from benchmarks.peers.fts5 import Fts5
from benchmarks.peers.outpost import Outpost
from benchmarks.peers.tantivy import Tantivy
from benchmarks.peers.whoosh import Whoosh
from benchmarks.queries import Question, Vocabulary, iter_different, make_questions

_DOCS = Path(__file__).parents[1] / "docs"
# So many requests a second of different queries would have to be answered before one is asked twice.
_MOST_PER_SECOND = 6_000


@click.command(help=__doc__)
@click.option("--data", "files", multiple=True, required=True, type=click.Path(path_type=Path, exists=True))
@click.argument("more", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--sizes", default="10000,50000,228612,1000000", help="Numbers of stories.", show_default=True)
@click.option("--queries", default=20, help="Queries of each class.", show_default=True)
@click.option("--rounds", default=5, help="How often each is asked.", show_default=True)
@click.option("--seconds", default=10, help="How long wrk asks each server; 0: not at all.", show_default=True)
@click.option("--docs", default=_DOCS, type=click.Path(path_type=Path), help="Where the report goes.")
@click.option("--work", type=click.Path(path_type=Path), help="Where indexes are built; default: a temporary place.")
def main(
    files: tuple[Path, ...],
    more: tuple[Path, ...],
    sizes: str,
    queries: int,
    rounds: int,
    seconds: int,
    docs: Path,
    work: Path | None,
) -> None:
    stories = Input.count((*files, *more))
    numbers = sorted({stories.nearest(int(size)) for size in sizes.split(",")})
    # Words come from the largest corpus that repeats nothing, and over it the tables are made.
    main_size = max((size for size in numbers if size <= stories.size), default=numbers[0])
    click.echo(f"{stories.size} stories; words from {main_size}")
    vocabulary = Vocabulary(stories.iter_stories(main_size))
    questions = make_questions(vocabulary, queries)
    measured: dict[int, Results] = {}
    loads: list[Load] = []
    changed: dict[int, Changes] = {}
    for size in numbers:
        with tempfile.TemporaryDirectory(dir=work) as name:
            scratch = Path(name)
            measured[size], peers = _measure_size(stories, size, questions, rounds, scratch)
            if size >= main_size:
                texts = iter_different(vocabulary, main_size)
                loads += _measure_loads(peers, size, texts, seconds, scratch, alone=size != main_size)
            for peer in peers:
                peer.close()
            changed[size] = changes.measure(_place_of("Outpost", scratch), scratch)
        for line in report.iter_lines(measured[size]):
            click.echo(line)
    command = shlex.join(["python", "-m", "benchmarks", *_without_directories(sys.argv[1:])])
    report.write(docs, measured, main_size, loads, changed, command)


def _measure_size(
    stories: Input, size: int, questions: list[Question], rounds: int, scratch: Path
) -> tuple[Results, list[Peer]]:
    """The peers are still open."""
    file = scratch / "stories.ndjson"
    results = Results(write_stories(file, stories.iter_stories(size)))
    kinds: list[Peer] = [Outpost(), Tantivy(coded=False), Tantivy(coded=True), Tantivy(coded=True, titled=True)]
    peers = [peer for peer in (*kinds, Fts5(), Whoosh()) if size <= peer.max_stories]
    for peer in peers:
        place = _place_of(peer.name, scratch)
        place.mkdir()
        built = results.built[peer.name] = peer.build(file, place)
        click.echo(f"{size:>9,} {peer.name:21} built in {built.seconds:7.1f} s  {built.note}")
    measure.measure(results, peers, questions, rounds)
    return results, peers


def _place_of(name: str, scratch: Path) -> Path:
    return scratch / f"index-{name.replace(', ', '-')}"


def _measure_loads(
    peers: list[Peer], size: int, texts: Iterator[str], seconds: int, scratch: Path, *, alone: bool
) -> list[Load]:
    """Over HTTP: Outpost, and unless it is ``alone`` tantivy in its two kinds of facets."""
    problem = over_http.can_measure()
    if not seconds or problem:
        click.echo(f"{size:>9,} nothing over HTTP {problem}")
        return []
    asked = _choose_full(peers[0], texts, _MOST_PER_SECOND * seconds)
    name = f"Outpost, {size:,} stories" if alone else "Outpost"
    servers = [over_http.outpost_server(_place_of("Outpost", scratch), name)]
    if not alone:
        kinds = {"tantivy": False, "tantivy, codes": True}
        servers += [over_http.tantivy_server(_place_of(kind, scratch), coded=coded) for kind, coded in kinds.items()]
    return over_http.measure(servers, asked, seconds, scratch)


def _choose_full(peer: Peer, texts: Iterator[str], count: int) -> list[str]:
    """The queries among ``texts`` that fill a page, so many if there are."""
    chosen: list[str] = []
    for text in itertools.islice(texts, 10 * count):
        question = Question("", "and", tuple(text.split()))
        if peer.search(question, facets=False, documents=False, highlights=False) >= HITS:
            chosen.append(text)
        if len(chosen) == count:
            break
    return chosen


def _without_directories(arguments: list[str]) -> list[str]:
    """The command as it reads on any machine."""
    return [Path(argument).name if "/" in argument else argument for argument in arguments]


if __name__ == "__main__":
    main()
