"""How suggestions of several types share a list, and what is current."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.analysis.folding import parse_typed_text
from index.live import LiveIndex, OpenGeneration
from index.query.results import Suggestion
from index.suggestions import suggest as suggest_typed
from tests.support.factories import build_stories, make_story


@pytest.fixture(scope="module")
def generation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenGeneration]:
    stories = [
        make_story(
            str(n),
            title=f"Robot ferry {chr(97 + n) * 3}",
            summary="Robotics",
            topics=[f"Robots {n}"],
            published_at=f"2025-01-{n + 1:02}T00:00:00Z",
            sources=[{"publisher": {"name": f"Robot Post {n}"}}] if n else [],
        )
        for n in range(12)
    ]
    live = LiveIndex(build_stories(tmp_path_factory.mktemp("suggestions") / "index", stories))
    with live.borrow() as generation:
        yield generation
    live.close()


def suggest(generation: OpenGeneration, text: str, limit: int) -> list[Suggestion]:
    return suggest_typed(generation, parse_typed_text(text), limit)


def kinds(found: list[Suggestion]) -> dict[str, int]:
    return dict(Counter(suggestion.type for suggestion in found))


def test_types_take_turns_and_what_one_lacks_the_others_have(generation: OpenGeneration) -> None:
    # "robot", "robotics" is the same to a search, "robots" too; "robot ferry".
    assert kinds(suggest(generation, "robot", 10)) == {"query": 2, "topic": 3, "publisher": 3, "story": 2}
    assert kinds(suggest(generation, "robot post", 10)) == {"publisher": 10}
    assert kinds(suggest(generation, "robot", 4)) == {"query": 2, "topic": 1, "publisher": 1}
    assert kinds(suggest(generation, "ferry aaa", 10)) == {"story": 1}
    assert [found.text for found in suggest(generation, "robot", 1)] == ["robot"]
    assert suggest(generation, "zebra", 10) == []


@pytest.mark.parametrize("text", ["", " ", "?"])
def test_without_a_word_it_is_what_the_newest_stories_are_about(generation: OpenGeneration, text: str) -> None:
    found = suggest(generation, text, 10)
    assert kinds(found) == {"query": 4, "topic": 2, "publisher": 2, "story": 2}
    assert found[0] == Suggestion(type="query", text="robot ferry", id=None, count=12)
    assert [one.text for one in found if one.type == "story"] == ["Robot ferry lll", "Robot ferry kkk"]
    assert suggest(generation, text, 1) == found[:1]


def test_nothing_is_current_of_no_stories(tmp_path: Path) -> None:
    live = LiveIndex(build_stories(tmp_path / "index", [make_story("1", title="-")]))
    with live.borrow() as generation:
        assert suggest(generation, "", 10) == [Suggestion(type="story", text="-", id="1", count=1)]
        assert suggest(generation, "a", 10) == []
    live.close()
