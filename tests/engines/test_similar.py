"""The kernels find the similar stories that plain Whoosh finds, with the same scores."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings

from index.documents.story import Story
from index.engines.base import EngineKind
from index.engines.columns import ColumnsKind
from index.engines.whoosh import WhooshKind
from tests.support.factories import make_story
from tests.support.strategies import corpora, stories

# More of one word than the table of logarithms has.
_LONG = make_story("long", title="ferry " * 3, summary="ferry mooring " * 300)


def _find_similar(kind: EngineKind, corpus: list[Story], story: Story) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        writer = kind.make_writer(Path(name))
        for one in corpus:
            writer.add(one)
        engine = kind.open(Path(name), writer.finish())
        found = engine.find_similar(story, len(corpus), frozenset())
        engine.close()
    return {one.id: score for one, score in found}


@settings(max_examples=35, deadline=None, suppress_health_check=list(HealthCheck))
@given(corpora, stories())
@example([_LONG, make_story("1", title="Ferry", summary="mooring line")], make_story("2", title="A mooring ferry"))
def test_both_engines_find_the_same_stories_as_similar(corpus: list[Story], other: Story) -> None:
    for story in (corpus[0], other):
        plain = _find_similar(WhooshKind(), corpus, story)
        assert _find_similar(ColumnsKind(), corpus, story) == pytest.approx(plain, rel=1e-4)


def test_a_long_story_is_like_others_by_the_beginning_of_its_texts() -> None:
    long = make_story("1", title="Ferry", summary="mooring line " + "filler " * 2000 + "potato harvest")
    others = [make_story("2", title="Mooring line"), make_story("3", title="Potato harvest")]
    for kind in (ColumnsKind(), WhooshKind()):
        assert list(_find_similar(kind, [long, *others], long)) == ["2"]
