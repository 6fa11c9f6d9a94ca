"""Scores equal those of the brute-force formula, for any query."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.analysis.schema import SOURCE_DEFAULTS, SOURCE_FIELDS, STORY_DEFAULTS, STORY_FIELDS
from index.documents.story import Story
from index.engines.columns import ColumnsKind
from index.query.language import parse_query
from index.query.requests import SearchQuery, Sort, SourceQuery
from index.query.tree import And, Node, Not, Or, Phrase, Prefix, Term
from tests.engines.brute_force import BruteForce, texts_of_source, texts_of_story
from tests.engines.columns.formula import ScoreFormula
from tests.engines.contract import MANY
from tests.engines.contract_lookups import ServesCorpora
from tests.support.factories import make_story
from tests.support.strategies import corpora, trees

_CHECKED = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
_story_trees = trees(tuple(field.name for field in STORY_FIELDS))
_source_trees = trees(tuple(field.name for field in SOURCE_FIELDS))
_search_in = st.one_of(
    st.just(STORY_DEFAULTS),
    st.lists(st.sampled_from(STORY_DEFAULTS), min_size=1, max_size=3, unique=True).map(tuple),
    st.lists(st.sampled_from([field.name for field in STORY_FIELDS]), min_size=1, unique=True).map(tuple),
)


def _near(scores: dict[str, float]) -> object:
    """Equal up to the precision of float32: seven digits, one of which is lost in sums."""
    return pytest.approx(scores, rel=1e-5)


def _formula_of(corpus: list[Story]) -> ScoreFormula:
    return ScoreFormula(STORY_FIELDS, {story.id: texts_of_story(story) for story in corpus})


class TestScores(ServesCorpora):
    kind = ColumnsKind()

    @_CHECKED
    @given(corpora, st.lists(st.tuples(_story_trees, _search_in), min_size=4, max_size=12))
    def test_stories_score_what_the_formula_says(
        self, corpus: list[Story], asked: list[tuple[Node | None, tuple[str, ...]]]
    ) -> None:
        formula = _formula_of(corpus)
        with self.serve(corpus) as engine:
            for tree, search_in in asked:
                page = engine.search_stories(
                    SearchQuery(tree=tree, search_in=search_in, sort=Sort.RELEVANCE, limit=MANY)
                )
                assert {hit.id: hit.score for hit in page.hits} == _near(formula.score(tree, search_in))

    @_CHECKED
    @given(corpora, st.lists(_source_trees, min_size=4, max_size=12))
    def test_sources_score_what_the_formula_says(self, corpus: list[Story], asked: list[Node | None]) -> None:
        records = BruteForce(corpus).sources
        formula = ScoreFormula(SOURCE_FIELDS, {ident: texts_of_source(records[ident].source) for ident in records})
        with self.serve(corpus) as engine:
            for tree in asked:
                page = engine.search_sources(SourceQuery(tree=tree, limit=MANY))
                scores = {record.id: score for record, score in page.hits}
                assert scores == _near(formula.score(tree, SOURCE_DEFAULTS))

    @pytest.mark.parametrize("search_in", [STORY_DEFAULTS, ("title",), ("summary", "body"), ("title", "source")])
    def test_long_stories_score_what_the_formula_says(self, search_in: tuple[str, ...]) -> None:
        words = "robot ferry harbour chip engine storm price water".split()
        corpus = [
            make_story(
                str(n),
                title=" ".join(words[n % 8 :]) or "story",
                summary=" ".join(words[at * n % 8] for at in range(n % 9)),
                sections=[{"paragraphs": [{"text": " ".join(words[at * at * n % 8] for at in range(n * 7))}]}],
                sources=[{"title": " ".join(words[: n % 5])}],
            )
            for n in range(60)
        ]
        formula = _formula_of(corpus)
        texts = (
            "robot",
            "robot ferry",
            "robot robot OR storm",
            '"robot ferry"',
            "chip -price",
            "title:water body:chip",
        )
        with self.serve(corpus) as engine:
            for tree in (parse_query(text, ("title", "body")) for text in (*texts, "pri* OR rob* water", "-storm")):
                page = engine.search_stories(
                    SearchQuery(tree=tree, search_in=search_in, sort=Sort.RELEVANCE, limit=MANY)
                )
                assert {hit.id: hit.score for hit in page.hits} == _near(formula.score(tree, search_in))


# --- the formula itself, by hand ---------------------------------------------------------------------------------

# Three stories; "alpha" is in two of them and in one title. Titles have 2, 1 and 1 words, whole texts 4, 1 and 2.
_BY_HAND = ScoreFormula(
    STORY_FIELDS,
    {
        ident: {field.name: "" for field in STORY_FIELDS} | texts
        for ident, texts in {
            "1": {"title": "alpha beta", "summary": "alpha beta"},
            "2": {"title": "gamma"},
            "3": {"title": "gamma", "body": "alpha"},
        }.items()
    },
)
_IDF = {1: 0.9808293, 2: 0.4700036}  # by doc_freq of 3 stories: ln(1 + 2.5 / 1.5) and ln(1 + 1.5 / 2.5)
_ALPHA = Term("alpha", "alpha")


def test_the_formula_adds_half_of_the_titles_own_bm25() -> None:
    whole = 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 4 / (7 / 3)))
    title = 1 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / (4 / 3)))
    body = 1 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / (7 / 3)))
    expected = {"1": _IDF[2] * whole + 0.5 * _IDF[1] * title, "3": _IDF[2] * body}
    assert _BY_HAND.score(_ALPHA, STORY_DEFAULTS) == _near(expected)


def test_the_formula_scores_a_title_searched_alone_as_the_whole_text() -> None:
    share = 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / (4 / 3)))
    assert _BY_HAND.score(Term("alpha", "alpha", "title"), STORY_DEFAULTS) == _near({"1": _IDF[1] * share})


def test_the_formula_sums_the_idfs_of_a_phrase() -> None:
    share = 2.2 / (
        1 + 1.2 * (0.25 + 0.75 * 2 / 1)
    )  # the summaries have 2 words in all, an average below 1, which counts as 1
    tree = Phrase(("alpha", "beta"), ("alpha", "beta"), "summary")
    assert _BY_HAND.score(tree, STORY_DEFAULTS) == _near({"1": (_IDF[2] + _IDF[1]) * share})


def test_the_formula_sums_matching_leaves_and_scores_exclusions_zero() -> None:
    once = _BY_HAND.score(_ALPHA, STORY_DEFAULTS)
    twice = {ident: 2 * score for ident, score in once.items()}
    assert _BY_HAND.score(And((_ALPHA, _ALPHA)), STORY_DEFAULTS) == _near(twice)
    assert _BY_HAND.score(Or((_ALPHA, _ALPHA)), STORY_DEFAULTS) == _near(twice)
    assert _BY_HAND.score(Not(_ALPHA), STORY_DEFAULTS) == {"2": 0.0}
    assert _BY_HAND.score(And((_ALPHA, Not(Term("beta", "beta")))), STORY_DEFAULTS) == _near({"3": once["3"]})
    assert _BY_HAND.score(Prefix("alp"), STORY_DEFAULTS) == {"1": 1.0, "3": 1.0}
