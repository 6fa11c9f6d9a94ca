"""What is searched for where a query finds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from index import search as search_module
from index.analysis.schema import STORY_DEFAULTS, STORY_FIELDS
from index.engines.base import Engine
from index.engines.columns.engine import ColumnsEngine
from index.errors import QueryTimeout
from index.live import LiveIndex
from index.query.language import format_query, parse_query
from index.query.requests import Filters, SearchQuery, ValueFilter
from index.query.results import SearchResult
from index.search import run_search
from tests.support.clock import set_clock
from tests.support.factories import build_stories, make_story

_FIELDS = tuple(field.name for field in STORY_FIELDS)
TITLES = (
    "Nvidia chips", "Nvidia chips again", "Nvidia ships", "Harbour ships", "A ferry", "The merry ferry",
    "A transport of robots",
    "Transformer chips", "gpt4o transformers", "Saudi Arabia", "He said so", "He said it again", "C3po speaks",
    "Überlingen", "white paper", "its own tie", "its tie", "its ite",
)  # fmt: skip


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    stories = [make_story(str(n), title=title, topics=["Ferries" if "ferry" in title else "Other"])
               for n, title in enumerate(TITLES)]  # fmt: skip
    live = LiveIndex(build_stories(tmp_path_factory.mktemp("correction") / "index", stories))
    with live.borrow() as generation:
        yield generation.engine
    live.close()


def ask(engine: Engine, text: str, *, topic: str = "", match_any: bool = False) -> SearchResult:
    filters = Filters(values=(ValueFilter(facet="topic", any_of=frozenset({topic})),)) if topic else Filters()
    return run_search(engine, SearchQuery(tree=parse_query(text, _FIELDS, match_any=match_any), filters=filters))


def told(found: SearchResult) -> tuple[str, bool, str | None, str | None]:
    return format_query(found.tree), found.corrected, found.did_you_mean, found.relaxed


@pytest.mark.parametrize(
    ("typed", "parsed"),
    [
        ("nvidia chpis", "nvidia chips"),
        ("nvidai chpis", "nvidia chips"),
        ("NVIDAI", "nvidia"),
        ("title:ferrry", "title:ferry"),
        ("ferrry -robot", "ferry -robot"),
        ("(ferrry OR zebra)", "ferry OR zebra"),
        ("trnasporrt", "transport"),
        ("überlngen", "überlingen"),
    ],
)
def test_words_that_occur_nowhere_become_the_nearest_that_do(engine: Engine, typed: str, parsed: str) -> None:
    found = ask(engine, typed)
    assert told(found) == (parsed, True, None, None)
    assert found.page == engine.search_stories(SearchQuery(tree=parse_query(parsed, _FIELDS)))
    assert found.page.total


@pytest.mark.parametrize("text", ["nvidia", "ferry OR zebra", "-zebra", "", "nvidia*"])
def test_what_finds_something_is_searched_for_as_it_was_typed(engine: Engine, text: str) -> None:
    found = ask(engine, text)
    assert (found.corrected, found.did_you_mean, found.relaxed) == (False, None, None)
    assert found.tree == parse_query(text, _FIELDS)


@pytest.mark.parametrize(
    "text",
    ["fer", "frr", "gpt5o", "c4po", '"nvidai"', '"nvidia chpis"', "nvidai*", "title:saudi said", "zzzzzzzz", "the of"],
)
def test_short_words_digits_quotes_prefixes_and_words_that_occur_are_never_touched(engine: Engine, text: str) -> None:
    found = ask(engine, text)
    assert not found.corrected
    assert found.did_you_mean is None


def test_two_edits_are_for_words_of_eight_letters(engine: Engine) -> None:
    assert told(ask(engine, "trnsfrmer"))[0] == "transformer"
    assert not ask(engine, "nvdi").corrected


def test_the_combination_that_finds_most_is_chosen(engine: Engine) -> None:
    # Both are one edit away: "chips" is in three titles, "ships" in two, of which one has "harbour".
    assert told(ask(engine, "zhips"))[0] == "chips"
    assert told(ask(engine, "nvidia zhips"))[0] == "nvidia chips"
    assert told(ask(engine, "harbour zhips"))[0] == "harbour ships"


def test_a_letter_left_out_or_two_the_other_way_round_are_likelier_than_another_letter(engine: Engine) -> None:
    assert told(ask(engine, "sauid"))[0] == "saudi"
    assert told(ask(engine, "saudd arabia"))[0] == "saudi arabia"
    assert told(ask(engine, "saiid"))[0] == "said"


def test_a_near_word_counts_by_its_own_form(engine: Engine) -> None:
    # "ite" is as near, and a search for it finds "its" as well.
    assert told(ask(engine, "hite"))[0] == "white"


def test_what_no_correction_helps_is_searched_for_with_any_word(engine: Engine) -> None:
    found = ask(engine, "ferry transport")
    assert told(found) == ("ferry OR transport", False, None, "any")
    assert found.page.total == 3
    assert told(ask(engine, "ferry zzzzzz"))[1:] == (False, None, "any")
    assert told(ask(engine, "ferrry zzzzzz")) == ("ferry OR zzzzzz", True, None, "any")
    assert told(ask(engine, "ferry transport -merry")) == ("ferry OR transport -merry", False, None, "any")


def test_where_any_word_was_enough_nothing_is_loosened(engine: Engine) -> None:
    assert told(ask(engine, "zzzzzz yyyyyy", match_any=True)) == ("zzzzzz OR yyyyyy", False, None, None)
    assert told(ask(engine, "zzzzzz ferrry", match_any=True)) == ("zzzzzz OR ferry", True, None, None)


def test_a_word_that_only_the_filters_keep_from_being_found_is_told(engine: Engine) -> None:
    assert told(ask(engine, "nvidai", topic="ferries")) == ("nvidai", False, "nvidia", None)
    assert told(ask(engine, "ferrry", topic="ferries")) == ("ferry", True, None, None)
    assert told(ask(engine, "nvidia", topic="ferries")) == ("nvidia", False, None, None)


def test_a_page_beyond_the_end_is_corrected_like_the_first(engine: Engine) -> None:
    query = SearchQuery(tree=parse_query("nvidai", ()), search_in=STORY_DEFAULTS, offset=2, limit=2)
    found = run_search(engine, query)
    assert (found.page.total, len(found.page.hits)) == (3, 1)


def test_many_wrong_words_are_left_and_trying_ends(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = ["nvidai", "chpis", "ferrry", "sauid", "arbia", "transprot", "whitte"]
    assert not ask(engine, " ".join(wrong)).corrected
    ticks = count()
    monkeypatch.setattr(search_module.time, "monotonic", lambda: 0.09 * next(ticks))
    assert ask(engine, "zhips").corrected


def test_what_took_long_to_find_nothing_is_not_searched_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ColumnsEngine, "retry_seconds", -1.0)
    assert told(ask(engine, "nvidai chips")) == ("nvidai chips", False, None, None)


@pytest.mark.parametrize(("letters", "corrected"), [(64, True), (65, False)])
def test_words_that_nobody_types_are_not_corrected(tmp_path: Path, letters: int, corrected: bool) -> None:
    live = LiveIndex(build_stories(tmp_path / "index", [make_story("1", title="y" * letters)]))
    with live.borrow() as generation:
        assert ask(generation.engine, "y" * (letters - 1) + "z").corrected is corrected
    live.close()


def test_all_searches_together_take_no_longer_than_one_may(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = set_clock(monkeypatch, 0.001)
    assert ask(engine, "nvidai chpis").corrected
    query = SearchQuery(tree=parse_query("nvidai chpis", _FIELDS), seconds=0.001 * clock.reads - 0.002)
    with pytest.raises(QueryTimeout):
        run_search(engine, query)
