"""The query tree: made by index.query.language, executed by an engine."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct


class Term(Struct, frozen=True):
    """One word. ``text`` is as typed, ``term`` as indexed; ``field`` None means all fields searched in."""

    text: str
    term: str
    field: str | None = None


class Phrase(Struct, frozen=True):
    """Words that stand one after the other in one field (stop words do not count as a place)."""

    texts: tuple[str, ...]
    terms: tuple[str, ...]
    field: str | None = None


class Prefix(Struct, frozen=True):
    """Stands for every word of the stories (or sources) searched that begins with ``text`` (lower case), each read as
    if typed."""

    text: str
    field: str | None = None


class Not(Struct, frozen=True):
    """Documents that ``child`` does not match."""

    child: Node


class And(Struct, frozen=True):
    """Documents that all children match. With nothing but ``Not`` children: all documents less theirs."""

    children: tuple[Node, ...]


class Or(Struct, frozen=True):
    """Documents that some child matches; without children, none."""

    children: tuple[Node, ...]


Node = Term | Phrase | Prefix | Not | And | Or
NOTHING = Or(())


def iter_positive(node: Node | None) -> Iterator[Term | Phrase | Prefix]:
    """The leaves that a hit may contain: those under no ``Not``."""
    match node:
        case Term() | Phrase() | Prefix():
            yield node
        case And(children) | Or(children):
            for child in children:
                yield from iter_positive(child)
        case _:
            return
