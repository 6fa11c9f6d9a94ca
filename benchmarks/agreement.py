"""How far a cluster and the embedded engine agree: ``python -m benchmarks.agreement INDEX`` with OUTPOST_ENGINE.

300 queries of words of the corpus (fixed seed) in eight shapes. Told are the queries whose stories are not the same on
both, all of them compared where there are at most 10,000, else the newest and oldest 10,000 and the total; how many of
the ten best are the same; and Kendall's tau of the hundred best that both have.
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

_QUERIES, _SEED, _TITLES, _MOST, _BEST = 300, 8, 10_000, 10_000, 100
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
    """Print what differs, and how the orders agree."""
    embedded, cluster = LiveIndex(index), LiveIndex(Settings.from_env().place)
    with embedded.borrow() as one, cluster.borrow() as other:
        click.echo(f"{one.manifest.status.stories:,} and {other.manifest.status.stories:,} stories")
        shared: list[float] = []
        taus: list[float] = []
        wrong = 0
        for shape, text in make_queries(one.engine):
            tree = parse_query(text, [field.name for field in STORY_FIELDS])
            if found := find_difference(one.engine, other.engine, SearchQuery(tree=tree)):
                wrong += 1
                click.echo(f"{shape}: {text!r}: {found}")
            ranked = SearchQuery(tree=tree, sort=Sort.RELEVANCE, limit=_BEST)
            best = [ids_of(engine, ranked) for engine in (one.engine, other.engine)]
            if best[0] and best[1]:
                shared.append(len(set(best[0][:10]) & set(best[1][:10])) / min(10, len(best[0])))
                taus += find_tau(*best)
        click.echo(f"{_QUERIES - wrong} of {_QUERIES} queries find the same stories")
        click.echo(f"of the ten best the same: {_tell(shared)}")
        click.echo(f"Kendall's tau of the {_BEST} best: {_tell(taus)}")


def _tell(values: Sequence[float]) -> str:
    return f"mean {mean(values):.3f}, median {median(values):.3f}, least {min(values):.3f}"


def make_queries(engine: Engine) -> Iterator[tuple[str, str]]:
    """(shape, text): words that are neighbours in titles, so that most find something."""
    random = Random(_SEED)  # noqa: S311 - the same at every run
    newest = ids_of(engine, SearchQuery(limit=_TITLES))
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


def ids_of(engine: Engine, query: SearchQuery) -> list[str]:
    return [hit.id for hit in engine.search_stories(query).hits]


def find_difference(one: Engine, other: Engine, query: SearchQuery) -> str:
    """ "" where both find the same."""
    totals = [engine.search_stories(SearchQuery(tree=query.tree, limit=0)).total for engine in (one, other)]
    if totals[0] != totals[1]:
        return f"{totals[0]} and {totals[1]}"
    for sort in (Sort.NEWEST, Sort.OLDEST):
        found = [ids_of(engine, SearchQuery(tree=query.tree, sort=sort, limit=_MOST)) for engine in (one, other)]
        if found[0] != found[1]:
            return f"other stories, or another order of {sort}"
        if totals[0] <= _MOST:
            break
    return ""


def find_tau(one: Sequence[str], other: Sequence[str]) -> list[float]:
    """Of what both have; nothing for fewer than two."""
    places = {ident: at for at, ident in enumerate(other)}
    common = [places[ident] for ident in one if ident in places]
    pairs = [1 if a < b else -1 for a, b in combinations(common, 2)]
    return [sum(pairs) / len(pairs)] if pairs else []


if __name__ == "__main__":
    main()
