"""Proposes corrections of a query: other words for those that no story contains."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from msgspec import Struct

from index.analysis.folding import show_word
from index.analysis.schema import STORY_FIELDS, term_of
from index.deadline import Deadline
from index.engines.base import Engine
from index.query.requests import SearchQuery
from index.query.results import FuzzyTerm
from index.query.tree import And, Node, Or, Term

# Minimum lengths in letters of words that are corrected by one edit and by two. Shorter words resemble too many others.
_ONE_EDIT, _TWO_EDITS = 4, 8
# Longer words are not corrected: their automaton of two edits would fill the memory of a cluster's node.
_LONGEST = 64
# Limits: candidates per word, and unknown words per query. Each unknown word costs 5 ms in a vocabulary of 142,000.
_MAX_CANDIDATES, _MAX_WORDS = 8, 6
# Weight of the less likely kinds of typos. Of 500 titles' words with a random edit, 96.0% are corrected to the right
# word with 0.1, 93.0% with 1, 96.4% with 0.04.
_UNLIKELY = 0.1
# Combinations of candidates that are returned at most.
_MAX_COMBINATIONS = 64
_ALL_FIELDS = tuple(field.name for field in STORY_FIELDS)


class Correction(Struct, frozen=True, kw_only=True):
    """A corrected query. ``distance``: edits in all its words; ``likelihood``: 0 to 1, among those of one distance."""

    tree: Node
    distance: int
    likelihood: float


def propose_corrections(engine: Engine, tree: Node, deadline: Deadline) -> list[Correction]:
    """Queries like ``tree`` with indexed words in place of unknown ones: fewest edits first, then most likely first.

    Words that some story contains, words with digits, quoted words, exclusions and prefixes are never replaced. Raises
    QueryTimeout.
    """
    unknown = [word for word in dict.fromkeys(_iter_words(tree)) if not _is_indexed(engine, word, deadline)]
    if not unknown or len(unknown) > _MAX_WORDS:
        return []
    candidates = {word: terms for word in unknown if (terms := _find_candidates(engine, word, deadline))}
    if not candidates:
        return []
    per_word = max(1, int(_MAX_COMBINATIONS ** (1 / len(candidates)) + 1e-9))
    corrections = []
    for chosen in product(*[terms[:per_word] for terms in candidates.values()]):
        replacements = dict(zip(candidates, chosen, strict=True))
        likelihood = math.prod(term.share * _typo_prior(word, term.word) for word, term in replacements.items())
        corrected = _replace_words(tree, {word: term.word for word, term in replacements.items()})
        corrections.append(
            Correction(tree=corrected, distance=sum(term.distance for term in chosen), likelihood=likelihood)
        )
    return sorted(corrections, key=lambda correction: (correction.distance, -correction.likelihood))


def _find_candidates(engine: Engine, word: str, deadline: Deadline) -> Sequence[FuzzyTerm]:
    """The indexed words that ``word`` most likely stands for, best first."""
    distance = 2 if len(word) >= _TWO_EDITS else 1
    terms = engine.fuzzy_terms(word, distance, deadline.remaining())
    candidates = [term for term in terms if term.doc_freq and not _has_digit(term.word)]
    candidates.sort(key=lambda term: (term.distance, -term.doc_freq * term.share * _typo_prior(word, term.word)))
    return candidates[:_MAX_CANDIDATES]


def _typo_prior(typed: str, word: str) -> float:
    """Typo prior: a deletion or transposition has 1 outcome per position, an insertion or substitution 25."""
    return 1.0 if len(typed) < len(word) or sorted(typed) == sorted(word) else _UNLIKELY


def _iter_words(node: Node) -> Iterator[str]:
    """The words that may be corrected, in lower case."""
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


def _is_indexed(engine: Engine, word: str, deadline: Deadline) -> bool:
    """Whether some story contains any form of ``word``, in any field."""
    shown = show_word(word)
    tree = Term(shown, term_of(shown) or shown)
    return (
        engine.search_stories(
            SearchQuery(tree=tree, search_in=_ALL_FIELDS, limit=0, seconds=deadline.remaining())
        ).total
        > 0
    )


def _has_digit(word: str) -> bool:
    return any(character.isdigit() for character in word)
