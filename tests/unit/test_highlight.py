"""Marks stand on the words that matched, and nothing of a text becomes HTML."""

from __future__ import annotations

from html import escape, unescape
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.analysis.schema import MAX_TEXT, WORD, iter_tokens
from index.query.highlight import Highlighter, Span, insert_tags, make_snippet
from index.query.language import parse_query
from index.query.tree import Node, Phrase, Prefix, Term, iter_positive
from tests.support.strategies import texts, trees

FIELDS = ("title", "body")
hostile = st.one_of(texts, st.text(st.sampled_from("<>&\"'chip \n"), max_size=30))


def spans_of(query: str, text: str, name: str = "title") -> list[str]:
    highlighter = Highlighter(parse_query(query, FIELDS), ("title", "summary"))
    return [text[start:end] for start, end in highlighter.find_spans(name, text)]


def plain(html: str, tag: str = "mark") -> str:
    """The text of what ``mark`` made, after a look that there is no other HTML in it."""
    bare = html.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
    assert not set(bare) & set("<>\"'")
    return unescape(bare)


def some_spans(draw: st.DrawFn, text: str) -> list[Span]:
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    return list(zip(cuts[::2], cuts[1::2], strict=False))


@pytest.mark.parametrize(
    ("query", "text", "marked"),
    [
        ("chip", "Chips, chip and CHIPS", ["Chips", "chip", "CHIPS"]),
        ("relations", "Related, relate; relative", ["Related", "relate"]),
        ("relat*", "Related relational prelate", ["Related", "relational"]),
        ('"new chips"', "New chips. Chips, new chip", ["New chips", "new chip"]),
        ('"new chips"', "new and the chips", ["new and the chips"]),
        ('new "new chips"', "new chips, new", ["new chips", "new"]),
        ("-chips new", "new chips", ["new"]),
        ("-(chips OR new)", "new chips", []),
        ("title:chips", "chips", ["chips"]),
        ("body:chips", "chips", []),
        ("chips OR new", "new chips", ["new", "chips"]),
        ("u.s.", "the U.S. and U.S", ["U.S", "U.S"]),
        ("東京", "東京 <東京>", ["東京", "東京"]),
        ("chips", "", []),
        ("", "chips", []),
        ("the", "the", []),
    ],
)
def test_what_matched_is_what_is_marked(query: str, text: str, marked: list[str]) -> None:
    assert spans_of(query, text) == marked


def test_a_field_that_is_not_searched_in_is_not_marked() -> None:
    assert spans_of("chips", "chips", "body") == []
    assert spans_of("chips", "chips", "summary") == ["chips"]
    assert spans_of("body:chips", "chips", "body") == ["chips"]


def test_offsets_are_code_points() -> None:
    highlighter = Highlighter(parse_query("chip", ()), ("title",))
    assert highlighter.find_spans("title", "👩‍💻 é chip") == [(6, 10)]


@settings(max_examples=200, deadline=None)
@given(tree=trees(FIELDS), text=hostile)
def test_spans_are_in_order_apart_and_cover_exactly_the_words_of_the_query(tree: Node | None, text: str) -> None:
    spans = Highlighter(tree, FIELDS).find_spans("title", text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    covered = {place for start, end in spans for place in range(start, end)}
    assert covered == {place for start, end in expected_spans(tree, text) for place in range(start, end)}


def expected_spans(tree: Node | None, text: str) -> list[Span]:
    tokens = list(iter_tokens(text))
    spans = []
    for leaf in iter_positive(tree):
        if leaf.field in (None, "title"):
            for place, (term, start, end) in enumerate(tokens):
                match leaf:
                    case Term(_, wanted) if term == wanted:
                        spans.append((start, end))
                    case Prefix(prefix) if text[start:end].lower().startswith(prefix):
                        spans.append((start, end))
                    case Phrase(_, wanted) if [token[0] for token in tokens[place : place + len(wanted)]] == list(
                        wanted
                    ):
                        spans.append((start, tokens[place + len(wanted) - 1][2]))
    return spans


@settings(max_examples=150, deadline=None)
@given(data=st.data(), text=st.one_of(hostile, st.text()), tag=st.sampled_from(("mark", "em", "b", "strong")))
def test_marked_text_without_its_tags_is_the_text(data: st.DataObject, text: str, tag: str) -> None:
    spans = data.draw(st.composite(some_spans)(text))
    html = insert_tags(text, spans, tag)
    assert plain(html, tag) == text
    assert [unescape(part.partition(f"</{tag}>")[0]) for part in html.split(f"<{tag}>")[1:]] == [
        text[start:end] for start, end in spans
    ]


def test_nothing_of_a_text_becomes_html() -> None:
    text = """<script>chips("&'")</script>"""
    html = insert_tags(text, Highlighter(parse_query("chips", ()), ("title",)).find_spans("title", text), "mark")
    assert html == "&lt;script&gt;<mark>chips</mark>(&quot;&amp;&#x27;&quot;)&lt;/script&gt;"


@settings(max_examples=200, deadline=None)
@given(tree=trees(FIELDS), parts=st.lists(hostile, max_size=8), words=st.integers(1, 12))
def test_a_snippet_is_a_piece_of_the_text_of_so_many_words_with_a_match_where_there_is_one(
    tree: Node | None, parts: list[str], words: int
) -> None:
    text = " ".join(parts)
    spans = Highlighter(tree, FIELDS).find_spans("body", text)
    html = make_snippet(text, spans, words, "mark")
    piece = plain(html)
    assert len(WORD.findall(piece)) <= words
    assert piece.removeprefix("… ").removesuffix(" …") in text.replace("\n", " ") or piece in text.replace("\n", " ")
    assert ("<mark>" in html) == bool(spans)
    if len(WORD.findall(text)) <= words:
        assert piece == text.replace("\n", " ")


def test_a_snippet_shows_where_most_of_the_different_words_stand() -> None:
    text = "robot robot robot " + "and so on " * 30 + "a ferry with a robot on it " + "and so forth " * 30
    spans = Highlighter(parse_query("robot ferry", ()), ("body",)).find_spans("body", text)
    html = make_snippet(text, spans, 12, "mark")
    assert html.startswith("… ")
    assert html.endswith(" …")
    assert "<mark>ferry</mark> with a <mark>robot</mark>" in html


def test_a_text_without_matches_gives_its_beginning() -> None:
    assert make_snippet("one two three four <five>", [], 3, "mark") == "one two three …"
    assert make_snippet("one <two>", [], 3, "mark") == escape("one <two>")
    assert make_snippet("", [], 3, "mark") == ""


def test_what_lies_beyond_the_limit_is_not_looked_at() -> None:
    text = "chips " * (MAX_TEXT // 6) + "zebras here"
    highlighter = Highlighter(parse_query("zebras OR chips", ()), ("body",))
    spans = highlighter.find_spans("body", text)
    assert spans[-1][1] <= MAX_TEXT
    assert len(plain(make_snippet(text, spans[:3], 30, "mark"))) < 300


def test_a_snippet_shows_the_rarest_match_where_both_do_not_fit() -> None:
    text = "common " + "filler " * 40 + "rare " + "filler " * 40
    highlighter = Highlighter(parse_query("common rare", ()), ("body",))
    spans = highlighter.find_spans("body", text)
    assert "<mark>rare</mark>" in make_snippet(text, spans, 10, "mark", {"common": 0.5, "rare": 8.0})
    assert "<mark>common</mark>" in make_snippet(text, spans, 10, "mark", {"common": 8.0, "rare": 0.5})


def test_a_snippet_shows_matches_where_they_stand_closest() -> None:
    far = "alpha " + "filler " * 6 + "bravo "
    text = far + "filler " * 40 + "alpha bravo " + "filler " * 40
    spans = Highlighter(parse_query("alpha bravo", ()), ("body",)).find_spans("body", text)
    assert "<mark>alpha</mark> <mark>bravo</mark>" in make_snippet(text, spans, 10, "mark")


_words = st.lists(st.sampled_from(("alpha", "bravo", "alphas", "the", "filler", "filler")), max_size=60)


@settings(max_examples=200, deadline=None)
@given(_words.map(" ".join), st.sampled_from(("alpha bravo", '"alpha bravo" alpha', "alp* bravo")), st.integers(1, 12))
def test_the_best_window_is_the_best_of_all_that_have_a_match_near_their_beginning(
    text: str, query: str, words: int
) -> None:
    idfs = {"alpha": 0.5, "bravo": 3.0}
    spans = Highlighter(parse_query(query, FIELDS), FIELDS).find_spans("body", text)
    places = [word.span() for word in WORD.finditer(text)]
    numbers = {start: number for number, (start, _) in enumerate(places)}
    matches = [(numbers[a], tuple(term for term, _, _ in iter_tokens(text[a:b]))) for a, b in spans]

    def value_of(first: int) -> tuple[int, int, int]:
        inside = [match for match in matches if first <= match[0] < first + words]
        worth = sum(round(1000 * idfs[term]) for what in {what for _, what in inside} for term in what)
        return worth, len(inside), inside[0][0] - inside[-1][0]

    first = 0
    if len(places) > words and matches:
        firsts = [min(max(0, number - words // 6), len(places) - words) for number, _ in matches]
        first = max(firsts, key=value_of)
    html = make_snippet(text, spans, words, "mark", idfs)
    end = len(text) if first + words >= len(places) else places[first + words - 1][1]
    assert plain(html).removeprefix("… ").removesuffix(" …") == text[places[first][0] if first else 0 : end]


def test_a_text_of_nothing_but_matches_is_cut_quickly() -> None:
    text = "alpha " * 16_000
    spans = Highlighter(parse_query("alpha", ()), ("body",)).find_spans("body", text)
    assert make_snippet(text, spans, 5, "mark").count("<mark>") == 5
