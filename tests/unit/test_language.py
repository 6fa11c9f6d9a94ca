"""Whatever a person types is read as something, and shown as it was read."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from index.analysis.schema import term_of
from index.query.language import MAX_DEPTH, format_query, parse_query
from index.query.tree import NOTHING, And, Node, Not, Or, Phrase, Prefix, Term, iter_positive
from tests.support.strategies import query_texts

FIELDS = ("title", "source", "publisher")
# Lone surrogates and control characters too: a URL may hold them.
ANY_TEXT = st.text(st.characters(), max_size=80)


def term(text: str, field: str | None = None) -> Term:
    found = term_of(text)
    assert found is not None
    return Term(text, found, field)


def phrase(*texts: str, field: str | None = None) -> Phrase:
    return Phrase(texts, tuple(term(text).term for text in texts), field)


A, B, C, D = (term(letter) for letter in ("alpha", "bravo", "charlie", "delta"))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", None),
        (" \t\n", None),
        ("alpha", A),
        ("alpha bravo", And((A, B))),
        ("alpha the bravo", And((A, B))),
        ("alpha OR bravo", Or((A, B))),
        ("alpha or bravo", And((A, B))),  # only capitals make it an operator
        ("alpha bravo OR charlie", And((A, Or((B, C))))),
        ("alpha OR bravo OR charlie", Or((A, B, C))),
        ("alpha OR bravo charlie OR delta", And((Or((A, B)), Or((C, D))))),
        ("(alpha bravo) OR charlie", Or((And((A, B)), C))),
        ("(alpha (bravo charlie))", And((A, B, C))),
        ("-alpha", Not(A)),
        ("-alpha:bravo charlie", And((Not(A), Not(B), C))),  # alpha is no field
        ("alpha -bravo", And((A, Not(B)))),
        ("alpha -(bravo OR charlie)", And((A, Not(Or((B, C)))))),
        ("alpha -(-bravo)", And((A, B))),
        ('"alpha bravo"', phrase("alpha", "bravo")),
        ('"alpha of the bravo"', phrase("alpha", "bravo")),
        ('-"alpha bravo" charlie', And((Not(phrase("alpha", "bravo")), C))),
        ("“alpha bravo”", phrase("alpha", "bravo")),
        ("„alpha bravo“", phrase("alpha", "bravo")),
        ("«alpha bravo»", phrase("alpha", "bravo")),
        ("alph*", Prefix("alph")),
        ("ALPH*", Prefix("alph")),
        ("the*", Prefix("the")),
        ("title:alpha", term("alpha", "title")),
        ("TITLE:alpha", term("alpha", "title")),
        ("title:alpha bravo", And((term("alpha", "title"), B))),
        ('title:"alpha bravo"', phrase("alpha", "bravo", field="title")),
        ("title:alph*", Prefix("alph", "title")),
        ("title:(alpha OR bravo) charlie", And((Or((term("alpha", "title"), term("bravo", "title"))), C))),
        ("-title:alpha", Not(term("alpha", "title"))),
        ("title:(alpha source:bravo)", And((term("alpha", "title"), term("bravo", "source")))),
        # What is no operator in its place is words.
        ("alpha-bravo", And((A, B))),
        ("alpha - bravo", And((A, B))),
        ("alpha:bravo", And((A, B))),
        ("title: alpha", And((term("title"), A))),
        ("OR alpha", A),
        ("alpha OR", A),
        ("alpha OR OR bravo", Or((A, B))),
        ("alpha* bravo", And((Prefix("alpha"), B))),
        ("al*pha", And((term("al"), term("pha")))),
        ("*", NOTHING),
        ('"alpha', A),
        ('alpha"', A),
        ("(alpha", A),
        ("alpha)", A),
        (")(", NOTHING),
        ("()", NOTHING),
        ('""', NOTHING),
        ("the", NOTHING),
        ("- : * ( \"", NOTHING),
        ("alpha OR the", A),
        ("C++ U.S. GPT-5", And((term("C"), term("U.S"), term("GPT"), term("5")))),
    ],
)  # fmt: skip
def test_each_operator_is_read_as_it_is_documented(text: str, tree: Node | None) -> None:
    assert parse_query(text, FIELDS) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("alpha bravo", Or((A, B))),
        ("alpha", A),
        ("alpha bravo -charlie", And((Or((A, B)), Not(C)))),
        ("alpha (bravo charlie)", Or((A, And((B, C))))),
        ("alpha bravo OR charlie", Or((A, B, C))),
        ("-alpha -bravo", And((Not(A), Not(B)))),
        ("the", NOTHING),
        ("", None),
    ],
)
def test_with_match_any_one_of_the_outermost_words_is_enough(text: str, tree: Node | None) -> None:
    assert parse_query(text, FIELDS, match_any=True) == tree


PLAIN_WORDS = st.lists(st.sampled_from(("the", "chips", "or", "c3po", "42", "x", "relations")), min_size=1, max_size=6)


@given(PLAIN_WORDS, st.booleans())
def test_plain_words_are_read_at_once_as_the_parser_reads_them(words: list[str], match_any: bool) -> None:
    # A blank at the end is enough to send the text to the parser.
    text = " ".join(words)
    assert parse_query(text, FIELDS, match_any=match_any) == parse_query(text + " ", FIELDS, match_any=match_any)


@settings(max_examples=300, deadline=None)
@given(st.one_of(query_texts, ANY_TEXT), st.booleans())
@example("\ud800* title:\udfff", False)
@example("İst*", False)
@example("title:İİ* OR -İx*", True)
@example("the", False)
@example("\x00\x1f", False)
def test_any_text_is_read_and_reads_the_same_when_shown(text: str, match_any: bool) -> None:
    tree = parse_query(text, FIELDS, match_any=match_any)
    shown = format_query(tree)
    assert parse_query(shown, FIELDS) == tree
    assert format_query(parse_query(shown, FIELDS)) == shown
    assert (tree is None) == (not text.strip())


@settings(max_examples=200, deadline=None)
@given(query_texts, st.booleans())
def test_trees_are_no_deeper_than_engines_bear_and_name_known_fields(text: str, match_any: bool) -> None:
    tree = parse_query(text, FIELDS, match_any=match_any)
    assert depth(tree) <= 2 * MAX_DEPTH + 2
    assert all(leaf.field in (None, *FIELDS) for leaf in iter_positive(tree))


def depth(node: Node | None) -> int:
    match node:
        case And(children) | Or(children):
            return 1 + max(map(depth, children), default=0)
        case Not(child):
            return 1 + depth(child)
        case _:
            return 1


@pytest.mark.parametrize("opening", ["(", "-(", "title:(", "a OR (b ", "(a -(b OR ", '("', "(()"])
@pytest.mark.parametrize("repeats", [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 2_000])
def test_brackets_nested_without_end_are_read_to_a_depth_that_engines_bear(opening: str, repeats: int) -> None:
    for text in (opening * repeats + "alpha", opening * repeats + "alpha" + ")" * repeats + " bravo"):
        tree = parse_query(text, FIELDS)
        assert depth(tree) <= 2 * MAX_DEPTH + 2
        assert parse_query(format_query(tree), FIELDS) == tree


HOSTILE = (
    "(",
    ")",
    '"',
    "-",
    "*",
    ":",
    "a:",
    "title:",
    "OR ",
    "a OR ",
    "-(",
    "a.",
    ".",
    "a",
    "“",
    " ",
    "a-",
    "(a OR b)-",
)


@pytest.mark.parametrize("unit", HOSTILE)
def test_no_text_of_512_characters_keeps_a_server_busy(unit: str) -> None:
    text = (unit * 512)[:512]
    started = time.perf_counter()
    for _ in range(10):
        parse_query(text, FIELDS)
    # A millisecond is the rule; what backtracks takes seconds.
    assert time.perf_counter() - started < 10 * 0.05


# A chain of OR is copied with each link, which 512 characters do not feel.
@pytest.mark.parametrize("unit", [unit for unit in HOSTILE if unit != "a OR "])
def test_a_text_ten_times_as_long_takes_about_ten_times_as_long(unit: str) -> None:
    def seconds(size: int) -> float:
        text = (unit * size)[:size]
        times = []
        for _ in range(3):
            started = time.perf_counter()
            parse_query(text, FIELDS)
            times.append(time.perf_counter() - started)
        return min(times)

    # 100 would be quadratic.
    assert seconds(20_000) < 60 * seconds(2_000) + 0.01
