"""The overhead of Outpost over plain OpenSearch.

``python -m benchmarks.cluster FILE``, with OUTPOST_ENGINE set to the cluster.

Latency: each query goes to Outpost over HTTP, and as the same request to OpenSearch's ``_search``. They take turns, so
that other load on the machine affects both. Building: the stories of FILE, built by Outpost, and sent as prepared bulk
requests.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
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
    """Print the ratio of latencies, and of building speeds."""
    address = Settings.from_env().place
    if not isinstance(address, ClusterAddress):
        raise click.UsageError("OUTPOST_ENGINE must be set to a cluster.")
    compare_latency(address)
    compare_building(address, file)


def compare_latency(address: ClusterAddress) -> None:
    with LiveIndex(address).borrow() as generation, _serve() as port:
        engine = generation.engine
        assert isinstance(engine, ClusterEngine)
        for highlight in (False, True):
            _compare_latency(address, engine, port, highlight)


def _compare_latency(address: ClusterAddress, engine: ClusterEngine, port: int, highlight: bool) -> None:
    texts = [text for _, text in make_queries(engine)][:_QUERIES]
    host, cluster_port = address.hosts[0]
    outpost, opensearch = requests.Session(), requests.Session()
    times: dict[str, list[float]] = {"Outpost": [], "OpenSearch": []}
    for text in texts:
        query = SearchQuery(tree=parse_query(text, ("title", "source")), sort=Sort.RELEVANCE, facets=_FACETS)
        name, body = engine.describe_search(msgspec.structs.replace(query, highlighting=HighlightOptions()))
        search_url = f"http://{host}:{cluster_port}/{name}/_search"
        search_body = msgspec.json.encode(body)
        best = {"Outpost": float("inf"), "OpenSearch": float("inf")}
        for turn in range(_ROUNDS):
            # Outpost caches answers, so each round requests a different number of hits.
            url = (
                f"http://127.0.0.1:{port}{_PATH.format(quote_plus(text), str(highlight).lower())}&per_page={20 + turn}"
            )
            best["Outpost"] = min(best["Outpost"], _time(outpost, url))
            best["OpenSearch"] = min(best["OpenSearch"], _time(opensearch, search_url, search_body))
        for server, seconds in best.items():
            times[server].append(seconds)
    medians = {server: median(seconds) for server, seconds in times.items()}
    ratio = median(a / b for a, b in zip(times["Outpost"], times["OpenSearch"], strict=True))
    shown = ", ".join(f"{server} {seconds * 1000:.2f} ms" for server, seconds in medians.items())
    setup = (
        f"{len(texts)} queries, 20 hits, two facets, {'highlights by Outpost only' if highlight else 'no highlights'}"
    )
    click.echo(f"{setup}, best of {_ROUNDS}: {shown}; median ratio {ratio:.2f}")


def _time(session: requests.Session, url: str, body: bytes | None = None) -> float:
    started = time.perf_counter()
    headers = {"Content-Type": "application/json"}
    answer = session.get(url, timeout=60) if body is None else session.post(url, body, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text[:500]
    return time.perf_counter() - started


@contextmanager
def _serve() -> Iterator[int]:
    """Run a server of one process on the cluster; yields its port."""
    port = 18_231
    command = [str(Path(sys.executable).parent / "outpost"), "serve", "--port", str(port), "--workers", "1"]
    process = subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ, start_new_session=True
    )
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/readyz")
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _wait_until_ready(url: str) -> None:
    for _ in range(300):
        with suppress(requests.ConnectionError):
            if requests.get(url, timeout=5).ok:
                return
        time.sleep(0.1)
    raise click.ClickException("the server does not answer")


def compare_building(address: ClusterAddress, file: Path) -> None:
    stories = [read.story for read in iter_stories(file) if not isinstance(read, RejectedLine)][:_STORIES]
    stories = list({story.id: story for story in stories}.values())
    with tempfile.TemporaryDirectory() as directory:
        lines = Path(directory) / "stories.ndjson"
        lines.write_bytes(b"".join(msgspec.json.encode(story) + b"\n" for story in stories))
        bulk_seconds, build_seconds = [], []
        for _ in range(2):
            bulk_seconds.append(_time_bulk(address, stories))
            started = time.perf_counter()
            store = ClusterStore(
                replace(address, alias=f"{address.alias}-measured", scratch=Path(directory)), replicas=0
            )
            report = build_index(store, [lines])
            build_seconds.append(time.perf_counter() - started)
            Cluster(address).send("DELETE", f"/{address.alias}-measured-*")
    ratio = min(bulk_seconds) / min(build_seconds)
    click.echo(
        f"{report.status.stories:,} stories: bulk requests {len(stories) / min(bulk_seconds):,.0f} per second, "
        f"built {len(stories) / min(build_seconds):,.0f} per second with sources, words and checks; ratio {ratio:.2f}"
    )


class _Recorder(BulkLoader):
    """Collects the lines of bulk requests instead of sending them."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self.lines: list[BulkLine] = []

    def add(self, line: BulkLine) -> None:
        self.lines.append(line)


def _time_bulk(address: ClusterAddress, stories: Sequence[Story]) -> float:
    """Seconds to index the documents of a build by prepared bulk requests, as concurrent as those of a build."""
    cluster, name = Cluster(address, BUILD_PATIENCE), f"{address.alias}-bare-measured"
    create_indices(cluster, name, 1)
    recorder = _Recorder(cluster)
    writer = ClusterWriter(cluster, name, recorder)
    started = time.perf_counter()
    for story in stories:
        writer.add(story)
    writer.finish()
    click.echo(f"prepared in {time.perf_counter() - started:.1f} s: {len(recorder.lines):,} documents")
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
