"""``python -m benchmarks --data FILE…`` runs the benchmarks, prints the results, and writes docs/benchmarks.md."""

from __future__ import annotations

import itertools
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from benchmarks import over_http, report
from benchmarks.corpus import Corpus, write_stories
from benchmarks.over_http import LoadResult
from benchmarks.peers import HITS, Peer
from benchmarks.peers.fts5 import Fts5
from benchmarks.peers.outpost import Outpost
from benchmarks.peers.tantivy import Tantivy
from benchmarks.peers.whoosh import Whoosh
from benchmarks.queries import BenchmarkQuery, CorpusSample, iter_distinct_texts, make_queries
from benchmarks.timing import Results, time_queries
from benchmarks.update_times import UpdateTimes, measure_update_times

_DOCS = Path(__file__).parents[1] / "docs"
# Distinct queries per second of load: a server would have to answer more before a query is repeated.
_MAX_PER_SECOND = 6_000


@click.command(help=__doc__)
@click.option("--data", "files", multiple=True, required=True, type=click.Path(path_type=Path, exists=True))
@click.argument("more", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--sizes", default="10000,50000,228612,1000000", help="Numbers of stories.", show_default=True)
@click.option("--queries", "queries_per_class", default=20, help="Queries per class.", show_default=True)
@click.option("--rounds", default=5, help="How often each query runs.", show_default=True)
@click.option(
    "--seconds", default=10, help="How long wrk sends requests to each server; 0: not at all.", show_default=True
)
@click.option("--docs", default=_DOCS, type=click.Path(path_type=Path), help="Directory of the report.")
@click.option("--work", type=click.Path(path_type=Path), help="Directory for the indexes (default: a temporary one).")
def main(
    files: tuple[Path, ...],
    more: tuple[Path, ...],
    sizes: str,
    queries_per_class: int,
    rounds: int,
    seconds: int,
    docs: Path,
    work: Path | None,
) -> None:
    corpus = Corpus.open((*files, *more))
    corpus_sizes = sorted({corpus.round_size(int(size)) for size in sizes.split(",")})
    # The largest corpus without repeated stories: its words make the queries, and the report shows its tables.
    main_size = max((size for size in corpus_sizes if size <= corpus.size), default=corpus_sizes[0])
    click.echo(f"{corpus.size} stories; query words from {main_size} of them")
    sample = CorpusSample(corpus.iter_stories(main_size))
    queries = make_queries(sample, queries_per_class)
    measured: dict[int, Results] = {}
    loads: list[LoadResult] = []
    updates: dict[int, UpdateTimes] = {}
    for size in corpus_sizes:
        with tempfile.TemporaryDirectory(dir=work) as name:
            scratch = Path(name)
            measured[size], peers = _measure_size(corpus, size, queries, rounds, scratch)
            if size >= main_size:
                texts = iter_distinct_texts(sample, main_size)
                loads += _measure_loads(peers, size, texts, seconds, scratch, alone=size != main_size)
            for peer in peers:
                peer.close()
            updates[size] = measure_update_times(_index_directory("Outpost", scratch), scratch)
        for line in report.iter_lines(measured[size]):
            click.echo(line)
    command = shlex.join(["python", "-m", "benchmarks", *_strip_directories(sys.argv[1:])])
    report.write(docs, measured, main_size, loads, updates, command)


def _measure_size(
    corpus: Corpus, size: int, queries: list[BenchmarkQuery], rounds: int, scratch: Path
) -> tuple[Results, list[Peer]]:
    """Build each engine's index and time the queries. Returns the results and the open engines."""
    file = scratch / "stories.ndjson"
    results = Results(write_stories(file, corpus.iter_stories(size)))
    kinds: list[Peer] = [Outpost(), Tantivy(coded=False), Tantivy(coded=True), Tantivy(coded=True, titled=True)]
    peers = [peer for peer in (*kinds, Fts5(), Whoosh()) if size <= peer.max_stories]
    for peer in peers:
        directory = _index_directory(peer.name, scratch)
        directory.mkdir()
        built = results.built[peer.name] = peer.build(file, directory)
        click.echo(f"{size:>9,} {peer.name:21} built in {built.seconds:7.1f} s  {built.note}")
    time_queries(results, peers, queries, rounds)
    return results, peers


def _index_directory(name: str, scratch: Path) -> Path:
    return scratch / f"index-{name.replace(', ', '-')}"


def _measure_loads(
    peers: list[Peer], size: int, texts: Iterator[str], seconds: int, scratch: Path, *, alone: bool
) -> list[LoadResult]:
    """Measure HTTP servers: Outpost, and unless ``alone``, tantivy with both kinds of facets."""
    problem = over_http.find_obstacle()
    if not seconds or problem:
        click.echo(f"{size:>9,} no HTTP benchmark: {problem}")
        return []
    texts_with_hits = _choose_full_pages(peers[0], texts, _MAX_PER_SECOND * seconds)
    name = f"Outpost, {size:,} stories" if alone else "Outpost"
    servers = [over_http.outpost_server(_index_directory("Outpost", scratch), name)]
    if not alone:
        kinds = {"tantivy": False, "tantivy, codes": True}
        servers += [
            over_http.tantivy_server(_index_directory(kind, scratch), coded=coded) for kind, coded in kinds.items()
        ]
    return over_http.measure_load(servers, texts_with_hits, seconds, scratch)


def _choose_full_pages(peer: Peer, texts: Iterator[str], count: int) -> list[str]:
    """The first ``count`` of ``texts`` that find at least a page of hits; fewer if there are not as many."""
    chosen: list[str] = []
    for text in itertools.islice(texts, 10 * count):
        query = BenchmarkQuery("", "and", tuple(text.split()))
        if peer.search(query, facets=False, documents=False, highlights=False) >= HITS:
            chosen.append(text)
        if len(chosen) == count:
            break
    return chosen


def _strip_directories(arguments: list[str]) -> list[str]:
    """The arguments, without the directories of this machine."""
    return [Path(argument).name if "/" in argument else argument for argument in arguments]


if __name__ == "__main__":
    main()
