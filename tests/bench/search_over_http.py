"""Search over HTTP beside Whoosh itself: the same queries, in turn, over the same index.

    python -m tests.bench.search_over_http --index DIR [--queries 100]

Queries are made of titles of the index, so that each finds something: words, phrases, exclusions, either-or, fields.
Whoosh parses them with its own parser and searches exhaustively. Prints median and worst of both, and every query
whose total or first 20 hits differ.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import requests
from whoosh import index as whoosh_index
from whoosh.qparser import MultifieldParser

from index.engines.whoosh import fields
from index.live import LiveIndex
from index.query import SearchQuery
from index.schema import STORY_FIELDS, WORD, term_of
from index.search import search_stories
from tests.e2e.conftest import Server, free_port, serve_command

BOOSTS = {field.name: field.boost for field in STORY_FIELDS if field.default}


def make_queries(root: Path, count: int) -> list[str]:
    """Mixed queries; the same at every run over the same index."""
    rng = random.Random(1)
    live = LiveIndex(root)
    queries: list[str] = []
    with live.borrow() as generation:
        total = generation.manifest.status.stories
        while len(queries) < count:
            offset = rng.randrange(total)
            title = search_stories(generation, SearchQuery(offset=offset, limit=1)).hits[0].story.title
            words = [w for w in WORD.findall(title) if w.isascii() and w.isalpha() and len(w) > 2 and term_of(w)]
            if len(words) >= 4:
                a, b, c = rng.sample(words, 3)
                at = rng.randrange(len(words) - 1)
                shapes = [a, f"{a} {b}", f"{a} {b} {c}", f"({a} OR {b}) {c}", f"{a} -{b}", f"title:{a} {b}"]
                phrase = f'"{words[at]} {words[at + 1]}"'
                queries.append([*shapes, phrase][len(queries) % 7].lower().replace(" or ", " OR "))
    live.close()
    return queries


class Peer:
    """Whoosh by itself: its parser, its searcher, no limit."""

    def __init__(self, root: Path) -> None:
        generation = root / "generations" / (root / "current").read_text().strip()
        self.index = whoosh_index.open_dir(str(generation / fields.STORIES), readonly=True)
        self.parser = MultifieldParser(list(BOOSTS), self.index.schema, fieldboosts=BOOSTS)
        self.searcher = self.index.searcher()

    def search(self, text: str) -> tuple[int, list[tuple[str, float]]]:
        # Whoosh writes exclusion NOT; its "-" needs a plugin.
        query = self.parser.parse(text.replace(" -", " NOT "))
        found = self.searcher.search(query, limit=None)
        # For an exclusion Whoosh adds 1 to the score of what stays.
        extra = text.count(" -")
        hits = sorted(((extra - score, number) for score, number in found.top_n))[:40]
        return len(found), [(self.read_id(number), -score) for score, number in hits]

    def read_id(self, number: int) -> str:
        return str(msgspec.json.decode(self.searcher.stored_fields(number)["document"])["id"])


def differences(answer: dict[str, Any], total: int, peer_hits: list[tuple[str, float]]) -> list[str]:
    """What differs: the total, a score, or an id whose score is not tied."""
    told = [f"total {answer['total']} and {total}"] if answer["total"] != total else []
    for place, (hit, (_, score)) in enumerate(zip(answer["results"], peer_hits, strict=False)):
        if abs(hit["score"] - score) > 0.001:
            told.append(f"score at {place}: {hit['score']} and {score:.4f}")
    tied = dict(peer_hits)
    last = answer["results"][-1]["score"] if answer["results"] else 0
    for hit in answer["results"]:
        # Ties may lie beyond the first forty of the peer, which breaks them another way.
        if hit["id"] not in tied and hit["score"] - last > 0.001:
            told.append(f"id {hit['id']} is not among the peer's")
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=int, default=100)
    given = parser.parse_args()
    queries, peer = make_queries(given.index, given.queries), Peer(given.index)
    port = free_port()
    with tempfile.TemporaryDirectory() as scratch:
        server = Server(serve_command(given.index, port), port, Path(scratch) / "log").start()
        try:
            measure(server.url, queries, peer)
        finally:
            server.stop()


def measure(url: str, queries: list[str], peer: Peer) -> None:
    ours: list[float] = []
    theirs: list[float] = []
    wrong = 0
    with requests.Session() as session:
        session.get(f"{url}/readyz", timeout=600).raise_for_status()
        for text in queries:
            started = time.perf_counter()
            answer = session.get(f"{url}/v1/search", params={"q": text}, timeout=600).json()
            between = time.perf_counter()
            total, hits = peer.search(text)
            theirs.append(time.perf_counter() - between)
            ours.append(between - started)
            if told := differences(answer, total, hits):
                wrong += 1
                print(f"{text!r}: {'; '.join(told[:3])}")
    for name, times in (("over HTTP", ours), ("Whoosh alone", theirs)):
        print(f"{name:13} median {statistics.median(times) * 1000:8.1f} ms   worst {max(times) * 1000:8.1f} ms")
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    print(f"median ratio {ratio:.2f}; {wrong} of {len(queries)} queries differ")


if __name__ == "__main__":
    main()
