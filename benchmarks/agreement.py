"""Compares the results of a cluster and of the embedded engine.

``python -m benchmarks.agreement INDEX``, with OUTPOST_ENGINE set to the cluster.

Runs 300 queries of eight shapes, their words from titles of the corpus, with a fixed seed. Prints the queries that find
different stories (compared are all stories if there are at most 10,000, else the total and the newest and oldest
10,000), the share of common stories among the ten best, and Kendall's tau over the common ones of the hundred best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from random import Random
from statistics import mean, median

import click

from api.settings import Settings
from index.analysis.schema import STORY_FIELDS, WORD, term_of
from index.engines.base import Engine
from index.live import LiveIndex
from index.query.language import parse_query
from index.query.requests import SearchQuery, Sort

_QUERIES, _SEED, _TITLES, _MAX_COMPARED, _BEST = 300, 8, 10_000, 10_000, 100
_SHAPES: tuple[tuple[str, int, Callable[[Sequence[str]], str]], ...] = (
    ("one word", 1, lambda words: words[0]),
    ("all of two", 2, " ".join),
    ("all of three", 3, " ".join),
    ("any of three", 3, " OR ".join),
    ("phrase", 2, lambda words: '"' + " ".join(words) + '"'),
    ("beginning", 1, lambda words: words[0][:4] + "*"),
    ("without", 2, lambda words: f"{words[0]} -{words[1]}"),
    ("in a field", 2, lambda words: f"title:{words[0]} source:{words[1]}"),
)


@click.command()
@click.argument("index", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(index: Path) -> None:
    """Print the differences in matches, and the agreement of the rankings."""
    embedded, cluster = LiveIndex(index), LiveIndex(Settings.from_env().place)
    with embedded.borrow() as local, cluster.borrow() as remote:
        click.echo(f"{local.manifest.status.stories:,} and {remote.manifest.status.stories:,} stories")
        shared: list[float] = []
        taus: list[float] = []
        wrong = 0
        for shape, text in make_queries(local.engine):
            tree = parse_query(text, [field.name for field in STORY_FIELDS])
            if difference := find_difference(local.engine, remote.engine, SearchQuery(tree=tree)):
                wrong += 1
                click.echo(f"{shape}: {text!r}: {difference}")
            ranked = SearchQuery(tree=tree, sort=Sort.RELEVANCE, limit=_BEST)
            best = [find_ids(engine, ranked) for engine in (local.engine, remote.engine)]
            if best[0] and best[1]:
                shared.append(len(set(best[0][:10]) & set(best[1][:10])) / min(10, len(best[0])))
                taus += compute_tau(*best)
        click.echo(f"{_QUERIES - wrong} of {_QUERIES} queries find the same stories")
        click.echo(f"common among the ten best: {_describe(shared)}")
        click.echo(f"Kendall's tau over the {_BEST} best: {_describe(taus)}")


def _describe(values: Sequence[float]) -> str:
    return f"mean {mean(values):.3f}, median {median(values):.3f}, minimum {min(values):.3f}"


def make_queries(engine: Engine) -> Iterator[tuple[str, str]]:
    """Pairs of a shape and a query. Words are neighbours in a title, so that most queries find something."""
    random = Random(_SEED)  # noqa: S311 - the same at every run
    newest = find_ids(engine, SearchQuery(limit=_TITLES))
    titles = [story.title for story in engine.find_stories(random.sample(newest, min(len(newest), 4 * _QUERIES)))]
    made = 0
    for title in titles:
        shape, size, write = _SHAPES[made % len(_SHAPES)]
        words = [word for word in WORD.findall(title) if term_of(word) is not None]
        if len(words) < size or made == _QUERIES:
            continue
        at = random.randrange(len(words) - size + 1)
        made += 1
        yield shape, write(words[at : at + size])


def find_ids(engine: Engine, query: SearchQuery) -> list[str]:
    return [hit.id for hit in engine.search_stories(query).hits]


def find_difference(first: Engine, second: Engine, query: SearchQuery) -> str:
    """A description of how the matches differ; "" if both engines find the same stories."""
    totals = [engine.search_stories(SearchQuery(tree=query.tree, limit=0)).total for engine in (first, second)]
    if totals[0] != totals[1]:
        return f"{totals[0]} and {totals[1]}"
    for sort in (Sort.NEWEST, Sort.OLDEST):
        ids = [
            find_ids(engine, SearchQuery(tree=query.tree, sort=sort, limit=_MAX_COMPARED)) for engine in (first, second)
        ]
        if ids[0] != ids[1]:
            return f"different stories, or another order by {sort}"
        if totals[0] <= _MAX_COMPARED:
            break
    return ""


def compute_tau(first: Sequence[str], second: Sequence[str]) -> list[float]:
    """Kendall's tau over the common ids of two rankings, in a list; empty for fewer than two common ids."""
    ranks = {ident: rank for rank, ident in enumerate(second)}
    common = [ranks[ident] for ident in first if ident in ranks]
    pairs = [1 if a < b else -1 for a, b in combinations(common, 2)]
    return [sum(pairs) / len(pairs)] if pairs else []


if __name__ == "__main__":
    main()
