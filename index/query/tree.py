"""The query tree: index.query.language parses text to a tree, an engine executes it."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct


class Term(Struct, frozen=True):
    """One word. ``text``: as typed; ``term``: as indexed; ``field`` None: all fields of the search."""

    text: str
    term: str
    field: str | None = None


class Phrase(Struct, frozen=True):
    """Words that follow each other in one field. Stop words have no position."""

    texts: tuple[str, ...]
    terms: tuple[str, ...]
    field: str | None = None


class Prefix(Struct, frozen=True):
    """Matches documents that contain any indexed word starting with ``text`` (lower case).

    Each expansion is analysed like a typed word.
    """

    text: str
    field: str | None = None


class Not(Struct, frozen=True):
    """Matches documents that ``child`` does not match."""

    child: Node


class And(Struct, frozen=True):
    """Matches documents that all children match. ``Not`` children alone start from all documents."""

    children: tuple[Node, ...]


class Or(Struct, frozen=True):
    """Matches documents that any child matches; without children, none."""

    children: tuple[Node, ...]


Node = Term | Phrase | Prefix | Not | And | Or
NOTHING = Or(())


def iter_positive(node: Node | None) -> Iterator[Term | Phrase | Prefix]:
    """Yield the leaves that are not under a ``Not``: those that a hit may contain."""
    match node:
        case Term() | Phrase() | Prefix():
            yield node
        case And(children) | Or(children):
            for child in children:
                yield from iter_positive(child)
        case _:
            return
