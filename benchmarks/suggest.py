"""How long suggestions take: ``python -m benchmarks.suggest INDEX``.

What is typed are the beginnings of 300 titles chosen at random (fixed seed), key by key up to 14 letters, each text
once: in this process, with nothing remembered of any, and over HTTP with the server on one core and wrk on another.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from random import Random
from statistics import median, quantiles

import click
import msgspec

from api.response.answers import answer_suggestion
from benchmarks.over_http import measure, outpost_server
from index.analysis.folding import parse_typed_text
from index.live import LiveIndex
from index.query.requests import SearchQuery
from index.suggestions import suggest

_TITLES, _LETTERS, _SEED, _LIMIT = 300, 14, 6, 10
_MOST = 1_000_000


@click.command()
@click.argument("index", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--seconds", type=int, default=10, show_default=True, help="How long wrk asks.")
def main(index: Path, seconds: int) -> None:
    """Print times by the number of letters typed, and requests a second."""
    random = Random(_SEED)  # noqa: S311 - the same texts each time
    live = LiveIndex(index)
    with live.borrow() as generation:
        ids = [hit.id for hit in generation.engine.search_stories(SearchQuery(limit=_MOST)).hits]
        chosen = generation.engine.find_stories(random.sample(ids, min(_TITLES, len(ids))))
        titles = [story.title for story in chosen]
        texts = list(dict.fromkeys(title[:size] for title in titles for size in range(1, _LETTERS + 1)))
        random.shuffle(texts)
        for text in ("a", "", "ab"):  # lays out the labels
            suggest(generation, parse_typed_text(text), _LIMIT)
        times: dict[int, list[float]] = {}
        for text in texts:
            start = time.perf_counter()
            typed = parse_typed_text(text)
            msgspec.json.encode([answer_suggestion(one, typed) for one in suggest(generation, typed, _LIMIT)])
            times.setdefault(len(text), []).append((time.perf_counter() - start) * 1000)
    live.close()
    for size, own in sorted(times.items()):
        click.echo(f"{size:3} letters  median {median(own):.3f} ms  {len(own)} texts")
    every = [one for own in times.values() for one in own]
    click.echo(f"all          median {median(every):.3f} ms  99% below {quantiles(every, n=100)[-1]:.3f} ms")
    with tempfile.TemporaryDirectory() as work:
        for load in measure([outpost_server(index)], texts, seconds, Path(work), "/v1/suggest?q={}"):
            click.echo(f"{load.queries}: {load.per_second:,.0f} requests a second, median {load.median * 1000:.1f} ms")


if __name__ == "__main__":
    main()
