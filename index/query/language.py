"""What a person typed, to a query tree. Never fails: whatever is no operator in its place is read as words.

    words all required · "exact phrase" · -without · one OR other · ( groups ) · prefix* · field:word

OR binds closer than the blank, as in web search: ``a b OR c`` is ``a (b OR c)``.

Whoosh's own parser takes 200 to 570 µs for plain words over four fields and is not made to survive every
text; this one takes 4 to 7, and 1 for plain words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from index.analysis.schema import WORD, term_of
from index.query.tree import NOTHING, And, Node, Not, Or, Phrase, Prefix, Term

# Deeper groups are read as if their brackets were not there: every engine recurses into a tree.
MAX_DEPTH = 16

_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})
# What most people type: nothing in it is an operator.
_PLAIN = re.compile(r"[a-z0-9]+(?: [a-z0-9]+)*")
_PIECE = re.compile(
    r"""(?P<minus>(?<![^\s(])-(?=[^\s)]))
      | (?P<field>(?<![^\s(-])(?P<name>[A-Za-z]+):(?=[^\s)]))
      | (?P<or>(?<![^\s)])OR(?![^\s(]))
      | (?P<open>\() | (?P<close>\))
      | "(?P<phrase>[^"]*)"
      | (?P<word>[^\s()"]+)""",
    re.VERBOSE,
)


def parse_query(text: str, fields: Sequence[str], *, match_any: bool = False) -> Node | None:
    """The tree of ``text``; None for blank text, which matches everything.

    ``fields`` are the names that may stand before a colon. With ``match_any`` one of the words on the
    outermost level is enough. Text without a single searchable word finds nothing.
    """
    if _PLAIN.fullmatch(text):
        return _read_plain(text, match_any)
    text = text.translate(_QUOTES)
    if not text.strip():
        return None
    return _Parser(frozenset(fields), match_any).parse(text)


def _read_plain(text: str, match_any: bool) -> Node:
    """Lower-case words and nothing else, in a quarter of the parser's time."""
    terms = tuple([Term(word, term) for word in text.split(" ") if (term := term_of(word)) is not None])
    if len(terms) == 1:
        return terms[0]
    return (Or if match_any else And)(terms) if terms else NOTHING


def relax_query(tree: Node) -> Node | None:
    """The tree with any of the words on the outermost level enough, as ``match_any`` reads them; None where that is
    what it says already."""
    if not isinstance(tree, And):
        return None
    items = _any_of(tree.children)
    return None if len(items) == len(tree.children) else _join(items)


def _any_of(items: Sequence[Node]) -> Sequence[Node]:
    """One item of all that are no exclusions, and these."""
    wanted = [item for item in items if not isinstance(item, Not)]
    others = [item for item in items if isinstance(item, Not)]
    return [Or(tuple(part for item in wanted for part in _parts(item, Or))), *others] if len(wanted) > 1 else items


def format_query(node: Node | None) -> str:
    """The tree in the language itself: reading it again gives the same tree."""
    if isinstance(node, And):
        return " ".join(map(_show, node.children))
    return _show(node) if node else ""


def _show(node: Node) -> str:
    match node:
        case Term(text, _, field):
            return _with_field(field, text)
        case Phrase(texts, _, field):
            return _with_field(field, '"' + " ".join(texts) + '"')
        case Prefix(text, field):
            # The dot of a lower-cased "İ" is no letter: typed so, it would end the word.
            return _with_field(field, text.replace("i\u0307", "İ") + "*")
        case Not(child):
            return f"-({_show(child)})" if isinstance(child, Or) else "-" + _show(child)
        case And(children):
            return "(" + " ".join(map(_show, children)) + ")"
        case Or(children):
            return " OR ".join(map(_show, children)) or '""'


def _with_field(field: str | None, text: str) -> str:
    return f"{field}:{text}" if field else text


class _Group:
    """What stands between two brackets, or in the whole text; ``field`` stood before the bracket."""

    def __init__(self, field: str | None = None) -> None:
        self.inherited = field
        self.items: list[Node] = []
        self.negate, self.field, self.either = False, field, False

    def add(self, node: Node | None) -> None:
        """Take the next item under the operators that stood before it; None is an item without a term."""
        if node is not None:
            if self.negate:
                node = node.child if isinstance(node, Not) else Not(node)
            if self.either:
                before = self.items.pop()
                node = Or((*_parts(before, Or), *_parts(node, Or)))
            self.items.append(node)
        self.negate, self.field, self.either = False, self.inherited, False

    def close(self) -> Node | None:
        return _join(self.items)


class _Parser:
    def __init__(self, fields: frozenset[str], match_any: bool) -> None:
        self.fields, self.match_any = fields, match_any
        self.groups = [_Group()]
        self.too_deep = 0

    def parse(self, text: str) -> Node:
        for piece in _PIECE.finditer(text):
            self.take(piece)
        while len(self.groups) > 1:
            self.close_group()
        items = self.groups[0].items
        if self.match_any:
            return _join(_any_of(items)) or NOTHING
        return _join(items) or NOTHING

    def take(self, piece: re.Match[str]) -> None:
        group = self.groups[-1]
        match piece.lastgroup:
            case "minus":
                group.negate = True
            case "field":
                name = piece["name"].lower()
                if name in self.fields:
                    group.field = name
                else:
                    # No field of ours: both sides are words, and a minus before them excludes both.
                    negate = group.negate
                    group.add(_read_words(name, group.field))
                    group.negate = negate
            case "or":
                group.either = bool(group.items)
            case "open" if len(self.groups) > MAX_DEPTH:
                self.too_deep += 1
            case "open":
                self.groups.append(_Group(group.field))
            case "close":
                self.close_group()
            case "phrase":
                group.add(_read_phrase(piece["phrase"], group.field))
            case _:
                group.add(_read_words(piece["word"], group.field))

    def close_group(self) -> None:
        if self.too_deep:
            self.too_deep -= 1
        elif len(self.groups) > 1:
            node = self.groups.pop().close()
            self.groups[-1].add(node)


def _join(items: Sequence[Node]) -> Node | None:
    flat = tuple(part for item in items for part in _parts(item, And))
    return flat[0] if len(flat) == 1 else And(flat) if flat else None


def _parts(node: Node, kind: type[And] | type[Or]) -> tuple[Node, ...]:
    return node.children if isinstance(node, And | Or) and isinstance(node, kind) else (node,)


def _read_words(text: str, field: str | None) -> Node | None:
    """Each word of a blank-free piece; the last is a prefix where a star follows it at once."""
    words = list(WORD.finditer(text))
    nodes: list[Node] = []
    for word in words:
        if word.end() == len(text) - 1 and text.endswith("*"):
            nodes.append(Prefix(word[0].lower(), field))
        elif (term := term_of(word[0])) is not None:
            nodes.append(Term(word[0], term, field))
    return _join(nodes)


def _read_phrase(text: str, field: str | None) -> Node | None:
    pairs = [(word, term) for word in WORD.findall(text) if (term := term_of(word)) is not None]
    return Phrase(tuple(w for w, _ in pairs), tuple(t for _, t in pairs), field) if pairs else None
