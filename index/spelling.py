"""What to search for where a query finds nothing: with the nearest words that occur, then with any of its words."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from msgspec import Struct
from msgspec.structs import replace

from index.analysis.folding import show_word
from index.analysis.schema import STORY_FIELDS, term_of
from index.deadline import Deadline
from index.engines.base import Engine
from index.query.language import format_query, relax_query
from index.query.requests import FacetRequest, Filters, SearchQuery
from index.query.results import FuzzyTerm, SearchPage
from index.query.tree import And, Node, Or, Term

# So many edits are looked for from so many letters on: a shorter word is near to too many others.
_ONE_EDIT, _TWO_EDITS = 4, 8
# Nobody mistypes a longer word, of which an automaton that knows two edits fills the memory of a cluster's node.
_LONGEST = 64
# Of each word so many near ones are tried, of words that occur nowhere so many are corrected: each costs 5 ms over
# 142,000 words.
_MAX_NEAR, _MAX_WORDS = 8, 6
# Of 500 titles' words with a random edit 96.0% come out right with 0.1, 93.0% with 1, 96.4% with 0.04.
_UNLIKELY = 0.1
# Combinations that are tried, each a search, for as long as the engine's patience at most. A first search that took
# longer and found nothing is left at that: a page of prefixes searched four times would hold a worker for more than a
# second.
_MAX_TRIED = 64
_ANYWHERE = tuple(field.name for field in STORY_FIELDS)


class Found(Struct, frozen=True):
    """The page of ``tree``, which is what was searched for in the end.

    ``corrected``: some of its words are not those typed. ``did_you_mean``: a query of other words, which finds
    something without the filters alone. ``relaxed``: "any" where any of the words was enough, else None.
    """

    page: SearchPage
    tree: Node | None
    corrected: bool = False
    did_you_mean: str | None = None
    relaxed: str | None = None


class _Correction(Struct, frozen=True):
    """A query in place of one that finds nothing; ``likely``, up to 1, is what its words are worth beside others."""

    tree: Node
    distance: int
    likely: float


def search_forgiving(engine: Engine, query: SearchQuery) -> Found:
    """The page of a query; where it finds nothing, that of the nearest one that finds something.

    Words that occur in some story, words with digits, quoted ones, excluded ones and prefixes stay as they are.
    """
    started = time.monotonic()
    # All searches together take no longer than one may.
    deadline = Deadline(engine.longest, query.seconds)
    page = engine.search_stories(query)
    if page.total or query.tree is None or time.monotonic() - started > engine.patience:
        return Found(page, query.tree)
    corrections = _find_corrections(engine, query.tree, deadline)
    best = _find_best(engine, query, corrections, deadline)
    if best is not None:
        corrected = replace(query, tree=best, seconds=deadline.remaining())
        return Found(engine.search_stories(corrected), best, corrected=True)
    nearest = corrections[0].tree if corrections else query.tree
    loose = relax_query(nearest)
    if loose is not None:
        relaxed = engine.search_stories(replace(query, tree=loose, seconds=deadline.remaining()))
        if relaxed.total:
            return Found(relaxed, loose, corrected=bool(corrections), relaxed="any")
    hint = None
    if query.filters != Filters():
        hint = _find_best(engine, replace(query, filters=Filters()), corrections, deadline)
    return Found(page, query.tree, did_you_mean=format_query(hint) if hint else None)


def _find_corrections(engine: Engine, tree: Node, deadline: Deadline) -> list[_Correction]:
    """The tree with near words in place of those that occur nowhere, the nearest first, of these the most likely."""
    wrong = [word for word in dict.fromkeys(_iter_words(tree)) if not _occurs(engine, word, deadline)]
    if not wrong or len(wrong) > _MAX_WORDS:
        return []
    near = {word: near for word in wrong if (near := _find_near(engine, word, deadline))}
    room = max(1, int(_MAX_TRIED ** (1 / max(1, len(near))) + 1e-9))
    found = []
    for chosen in product(*[own[:room] for own in near.values()]) if near else ():
        words = dict(zip(near, chosen, strict=True))
        likely = math.prod(one.share * _likelihood(word, one.word) for word, one in words.items())
        changed = _replace_words(tree, {word: one.word for word, one in words.items()})
        found.append(_Correction(changed, sum(one.distance for one in chosen), likely))
    return sorted(found, key=lambda one: (one.distance, -one.likely))


def _find_near(engine: Engine, word: str, deadline: Deadline) -> Sequence[FuzzyTerm]:
    distance = 2 if len(word) >= _TWO_EDITS else 1
    near = engine.fuzzy_terms(word, distance, deadline.remaining())
    found = [one for one in near if not _has_digit(one.word) and one.doc_freq]
    likely = sorted(found, key=lambda one: (one.distance, -one.doc_freq * one.share * _likelihood(word, one.word)))
    return likely[:_MAX_NEAR]


def _likelihood(typed: str, word: str) -> float:
    """How likely ``word`` is typed so, beside others at as many edits: a letter left out or two the other way round can
    be typed in one way at a place, a letter too many or another one in 25."""
    return 1.0 if len(typed) < len(word) or sorted(typed) == sorted(word) else _UNLIKELY


def _find_best(
    engine: Engine, query: SearchQuery, corrections: Sequence[_Correction], deadline: Deadline
) -> Node | None:
    """Of the nearest that find anything the one that finds most, each as far as it is likely; None where none does."""
    best, most, distance = None, 0.0, 0
    until = time.monotonic() + engine.patience
    for one in corrections:
        if best is not None and one.distance > distance:
            break
        tried = replace(query, tree=one.tree, facets=FacetRequest(), offset=0, limit=0, seconds=deadline.remaining())
        found = engine.search_stories(tried).total * one.likely
        if found > most:
            best, most, distance = one.tree, found, one.distance
        if time.monotonic() > until:
            break
    return best


def _iter_words(node: Node) -> Iterator[str]:
    """The words that may be corrected, in lower case, as they stand."""
    match node:
        case Term(text) if _ONE_EDIT <= len(text) <= _LONGEST and not _has_digit(text):
            yield text.lower()
        case And(children) | Or(children):
            for child in children:
                yield from _iter_words(child)


def _replace_words(node: Node, words: Mapping[str, str]) -> Node:
    match node:
        case Term(text, _, field) if text.lower() in words:
            shown = show_word(words[text.lower()])
            return Term(shown, term_of(shown) or shown, field)
        case And(children):
            return And(tuple(_replace_words(child, words) for child in children))
        case Or(children):
            return Or(tuple(_replace_words(child, words) for child in children))
        case _:
            return node


def _occurs(engine: Engine, word: str, deadline: Deadline) -> bool:
    """Whether some story has a word that counts as this one, in any field."""
    shown = show_word(word)
    tree = Term(shown, term_of(shown) or shown)
    return (
        engine.search_stories(SearchQuery(tree=tree, search_in=_ANYWHERE, limit=0, seconds=deadline.remaining())).total
        > 0
    )


def _has_digit(word: str) -> bool:
    return any(character.isdigit() for character in word)
