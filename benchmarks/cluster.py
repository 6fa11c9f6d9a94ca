"""What the API costs over a bare cluster: ``python -m benchmarks.cluster FILE`` with OUTPOST_ENGINE.

Latency: one connection, each query asked of Outpost over HTTP and as the same request of OpenSearch's own ``_search``,
turn by turn, so that what else the machine does hits both. Loading: the stories of FILE sent as the lines of a bulk
that was made before, and built by Outpost with all that belongs to an index.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from urllib.parse import quote_plus

import click
import msgspec
import requests

from api.settings import Settings
from benchmarks.agreement import make_queries
from index.documents.story import Story
from index.engines.opensearch.build.bulk import BulkLoader
from index.engines.opensearch.build.writer import ClusterWriter, create_indices, name_indices
from index.engines.opensearch.connection.address import ClusterAddress
from index.engines.opensearch.connection.client import BUILD_PATIENCE, Cluster
from index.engines.opensearch.engine import ClusterEngine
from index.engines.opensearch.format.documents import BulkLine
from index.indexer import build_index
from index.live import LiveIndex
from index.query.language import parse_query
from index.query.requests import FacetRequest, HighlightOptions, SearchQuery, Sort
from index.readers.ndjson import RejectedLine, iter_stories
from index.stores.cluster import ClusterStore

_QUERIES, _ROUNDS, _STORIES = 100, 5, 30_000
_PATH = "/v1/search?q={}&facets=topic,publisher&typo=off&highlight={}"
_FACETS = FacetRequest(names=("topic", "publisher"))


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def main(file: Path) -> None:
    """Print both ratios."""
    address = Settings.from_env().place
    if not isinstance(address, ClusterAddress):
        raise click.UsageError("OUTPOST_ENGINE names no cluster.")
    measure_latency(address)
    measure_loading(address, file)


def measure_latency(address: ClusterAddress) -> None:
    with LiveIndex(address).borrow() as generation, _serve() as port:
        engine = generation.engine
        assert isinstance(engine, ClusterEngine)
        for marked in (False, True):
            _measure_latency(address, engine, port, marked)


def _measure_latency(address: ClusterAddress, engine: ClusterEngine, port: int, marked: bool) -> None:
    texts = [text for _, text in make_queries(engine)][:_QUERIES]
    host, at = address.hosts[0]
    ours, bare = requests.Session(), requests.Session()
    times: dict[str, list[float]] = {"Outpost": [], "OpenSearch": []}
    for text in texts:
        query = SearchQuery(tree=parse_query(text, ("title", "source")), sort=Sort.RELEVANCE, facets=_FACETS)
        name, body = engine.describe_search(msgspec.structs.replace(query, highlighting=HighlightOptions()))
        search = f"http://{host}:{at}/{name}/_search"
        asked = msgspec.json.encode(body)
        best = {"Outpost": float("inf"), "OpenSearch": float("inf")}
        for turn in range(_ROUNDS):
            # Outpost remembers answers: each round asks for another number of hits, by one.
            url = f"http://127.0.0.1:{port}{_PATH.format(quote_plus(text), str(marked).lower())}&per_page={20 + turn}"
            best["Outpost"] = min(best["Outpost"], _time(ours, url))
            best["OpenSearch"] = min(best["OpenSearch"], _time(bare, search, asked))
        for who, seconds in best.items():
            times[who].append(seconds)
    middle = {who: median(own) for who, own in times.items()}
    ratio = median(one / other for one, other in zip(times["Outpost"], times["OpenSearch"], strict=True))
    shown = ", ".join(f"{who} {seconds * 1000:.2f} ms" for who, seconds in middle.items())
    work = f"{len(texts)} queries, 20 hits, two facets, {'and highlights of Outpost' if marked else 'no highlights'}"
    click.echo(f"{work}, best of {_ROUNDS}: {shown}; median ratio {ratio:.2f}")


def _time(session: requests.Session, url: str, body: bytes | None = None) -> float:
    started = time.perf_counter()
    headers = {"Content-Type": "application/json"}
    answer = session.get(url, timeout=60) if body is None else session.post(url, body, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text[:500]
    return time.perf_counter() - started


class _serve:
    """A server of one process, over OUTPOST_ENGINE."""

    def __enter__(self) -> int:
        port = 18_231
        command = [str(Path(sys.executable).parent / "outpost"), "serve", "--port", str(port), "--workers", "1"]
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ, start_new_session=True
        )
        for _ in range(300):
            try:
                if requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).ok:
                    return port
            except requests.ConnectionError:
                time.sleep(0.1)
        raise click.ClickException("the server does not answer")

    def __exit__(self, *error: object) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(30)


def measure_loading(address: ClusterAddress, file: Path) -> None:
    stories = [read.story for read in iter_stories(file) if not isinstance(read, RejectedLine)][:_STORIES]
    stories = list({story.id: story for story in stories}.values())
    with tempfile.TemporaryDirectory() as directory:
        lines = Path(directory) / "stories.ndjson"
        lines.write_bytes(b"".join(msgspec.json.encode(story) + b"\n" for story in stories))
        bare, built = [], []
        for _ in range(2):
            bare.append(_load_bare(address, stories))
            started = time.perf_counter()
            store = ClusterStore(
                replace(address, alias=f"{address.alias}-measured", scratch=Path(directory)), replicas=0
            )
            report = build_index(store, [lines])
            built.append(time.perf_counter() - started)
            Cluster(address).send("DELETE", f"/{address.alias}-measured-*")
    ratio = min(bare) / min(built)
    click.echo(
        f"{report.status.stories:,} stories: bare bulk {len(stories) / min(bare):,.0f} a second, "
        f"built {len(stories) / min(built):,.0f} a second with sources, words and checks; ratio {ratio:.2f}"
    )


class _Recorder(BulkLoader):
    """Keeps the lines in place of sending them."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self.lines: list[BulkLine] = []

    def add(self, line: BulkLine) -> None:
        self.lines.append(line)


def _load_bare(address: ClusterAddress, stories: Sequence[Story]) -> float:
    """Seconds that the cluster takes for the same documents, made before, by as many requests at once."""
    cluster, name = Cluster(address, BUILD_PATIENCE), f"{address.alias}-bare-measured"
    create_indices(cluster, name, 1)
    recorder = _Recorder(cluster)
    writer = ClusterWriter(cluster, name, recorder)
    started = time.perf_counter()
    for story in stories:
        writer.add(story)
    writer.finish()
    click.echo(f"made in {time.perf_counter() - started:.1f} s: {len(recorder.lines):,} documents")
    started = time.perf_counter()
    bulk = BulkLoader(cluster)
    bulk.add_all(recorder.lines)
    bulk.finish()
    cluster.send("POST", f"/{name_indices(name)}/_refresh")
    seconds = time.perf_counter() - started
    cluster.send("DELETE", f"/{name_indices(name)}")
    return seconds


if __name__ == "__main__":
    main()
