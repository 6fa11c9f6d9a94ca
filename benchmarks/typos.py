"""Measures typo correction, compared with tantivy's fuzzy query: ``python -m benchmarks.typos INDEX``.

From each of 500 random titles (fixed seed), one word of four letters or more gets one random edit, such that the result
does not occur in the index. It is searched alone, and with two other words of the title. A search succeeds if the title
of the first hit contains the original word. "outpost, the word" counts how often Outpost searches for that word.
tantivy's fuzzy query allows as many edits; a transposition counts as one.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from string import ascii_lowercase

import click
import tantivy  # type: ignore[import-not-found,unused-ignore]  # of the group "benchmark"
from msgspec import Struct

from index.analysis.schema import WORD, term_of
from index.engines.base import Engine
from index.live import LiveIndex
from index.query.language import parse_query
from index.query.requests import SearchQuery, Sort
from index.query.results import SearchResult
from index.query.tree import Term, iter_positive
from index.search import run_search

_CASES, _SEED = 500, 6
_MAX_STORIES = 1_000_000


class Case(Struct, frozen=True):
    """``typed`` is ``word`` with a typo; ``others`` are words of the same title."""

    word: str
    typed: str
    others: tuple[str, ...]


@click.command()
@click.argument("index", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(index: Path) -> None:
    """Print success rates and median times."""
    live = LiveIndex(index)
    with live.borrow() as generation:
        engine = generation.engine
        ids = [hit.id for hit in engine.search_stories(SearchQuery(limit=_MAX_STORIES)).hits]
        titles = [story.title for story in engine.find_stories(ids)]
        cases = make_cases(engine, titles)
        with tempfile.TemporaryDirectory() as directory:
            fuzzy = TantivyFuzzy(Path(directory), titles)
            for name, count in (("alone", 0), ("with two more words", 2)):
                outpost = measure_success(cases, partial(finds_word, engine, count))
                tantivy_fuzzy = measure_success(cases, partial(fuzzy.finds_word, count))
                words = measure_success(cases, partial(searches_word, engine, count))
                rows = (("outpost", outpost), ("outpost, the word", words), ("tantivy", tantivy_fuzzy))
                for label, (successes, milliseconds) in rows:
                    click.echo(f"{name:22}{label:20}{successes / len(cases):6.1%}  {milliseconds:6.2f} ms (median)")
    live.close()


def make_cases(engine: Engine, titles: Sequence[str]) -> list[Case]:
    """Typos in words of random titles."""
    random = Random(_SEED)  # noqa: S311 - the same cases each time
    cases: list[Case] = []
    while len(cases) < _CASES:
        title = random.choice(titles)
        words = [word.lower() for word in WORD.findall(title) if word.isalpha() and term_of(word)]
        long = [word for word in words if len(word) >= 4]
        if not long:
            continue
        word = random.choice(long)
        typed = edit(word, random)
        others = [other for other in dict.fromkeys(words) if other != word]
        term = term_of(typed)
        if term and not engine.search_stories(SearchQuery(tree=Term(typed, term), limit=0)).total:
            cases.append(Case(word, typed, tuple(random.sample(others, min(2, len(others))))))
    return cases


def edit(word: str, random: Random) -> str:
    """``word`` with a random insertion, deletion, substitution or transposition."""
    position = random.randrange(len(word))
    letter = random.choice(ascii_lowercase)
    match random.randrange(4):
        case 0:
            return word[:position] + letter + word[position:]
        case 1:
            return word[:position] + word[position + 1 :]
        case 2:
            return word[:position] + letter + word[position + 1 :]
        case _:
            position = min(position, len(word) - 2)
            return word[:position] + word[position + 1] + word[position] + word[position + 2 :]


def measure_success(cases: Sequence[Case], succeeds: Callable[[Case], bool]) -> tuple[int, float]:
    """The number of successful cases, and the median time in milliseconds."""
    successes, times = 0, []
    for case in cases:
        start = time.perf_counter()
        successes += succeeds(case)
        times.append((time.perf_counter() - start) * 1000)
    return successes, median(times)


def finds_word(engine: Engine, count: int, case: Case) -> bool:
    hits = search(engine, count, case).page.hits
    return bool(hits) and has_word(engine.find_stories([hits[0].id])[0].title, case.word)


def searches_word(engine: Engine, count: int, case: Case) -> bool:
    leaves = iter_positive(search(engine, count, case).tree)
    return term_of(case.word) in {leaf.term for leaf in leaves if isinstance(leaf, Term)}


def search(engine: Engine, count: int, case: Case) -> SearchResult:
    text = " ".join([*case.others[:count], case.typed])
    return run_search(engine, SearchQuery(tree=parse_query(text, ()), sort=Sort.RELEVANCE, limit=1))


def has_word(title: str, word: str) -> bool:
    return term_of(word) in {term_of(other) for other in WORD.findall(title)}


class TantivyFuzzy:
    """A tantivy index of the titles, searched by fuzzy queries."""

    def __init__(self, directory: Path, titles: Sequence[str]) -> None:
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("title", stored=True)
        self._schema = builder.build()
        index = tantivy.Index(self._schema, path=str(directory))
        writer = index.writer(heap_size=200_000_000, num_threads=1)
        for title in titles:
            writer.add_document(tantivy.Document(title=title))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        self._searcher = index.searcher()

    def finds_word(self, count: int, case: Case) -> bool:
        distance = 2 if len(case.typed) >= 8 else 1
        query = tantivy.Query.fuzzy_term_query(
            self._schema, "title", case.typed, distance=distance, transposition_cost_one=True
        )
        if count:
            must = [tantivy.Query.term_query(self._schema, "title", other) for other in case.others[:count]]
            query = tantivy.Query.boolean_query([(tantivy.Occur.Must, clause) for clause in [query, *must]])
        hits = self._searcher.search(query, limit=1).hits
        if not hits:
            return False
        return has_word(self._searcher.doc(hits[0][1])["title"][0], case.word)


if __name__ == "__main__":
    main()
