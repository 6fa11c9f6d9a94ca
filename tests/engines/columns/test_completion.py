"""Suggestions over several segments, and with deleted stories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from index.analysis.folding import parse_typed_text
from index.documents.story import Story
from index.engines.base import Engine
from index.engines.columns import ColumnsKind
from index.engines.columns.build import suggestion_writer
from index.query.requests import SuggestionType
from index.query.results import Suggestion
from tests.support.factories import make_story


@contextmanager
def updated(root: Path, first: Sequence[Story], second: Sequence[Story], gone: Sequence[str] = ()) -> Iterator[Engine]:
    """An engine over a build of ``first``, updated by adding ``second`` and deleting the ids ``gone``."""
    kind = ColumnsKind()
    base, directory = root / "base", root / "next"
    base.mkdir()
    directory.mkdir()
    writer = kind.make_writer(base)
    for story in first:
        writer.add(story)
    writer.finish()
    updater = kind.make_updater(directory, base)
    for story in second:
        updater.add(story)
    for ident in gone:
        assert updater.delete(ident)
    engine = kind.open(directory, updater.finish())
    yield engine
    engine.close()


def complete(engine: Engine, kind: SuggestionType, text: str, limit: int = 10) -> list[Suggestion]:
    typed = parse_typed_text(text)
    assert typed
    return engine.complete(kind, typed, limit)


def make_dated(numbers: Sequence[int], title: str) -> list[Story]:
    return [
        make_story(str(n), title=title.format(n), published_at=f"2025-01-01T00:{n:02}:00Z", topics=[f"Tides {n}"])
        for n in numbers
    ]


def test_suggestions_skip_many_deleted_stories(tmp_path: Path) -> None:
    gone = [str(n) for n in range(10, 60)]
    with updated(tmp_path, make_dated(range(60), "Tide {}"), [], gone) as engine:
        assert [suggestion.id for suggestion in complete(engine, "story", "tid", 5)] == ["9", "8", "7", "6", "5"]
        assert complete(engine, "query", "tid") == [Suggestion(type="query", text="tide", id=None, count=10)]
        assert len(complete(engine, "topic", "tid", 60)) == 10
        assert complete(engine, "query", "59") == []


def test_a_story_that_was_replaced_is_suggested_as_it_is_now(tmp_path: Path) -> None:
    with updated(tmp_path, [make_story("1", title="Old tide")], [make_story("1", title="New wave")]) as engine:
        for kind in ("query", "story"):
            assert complete(engine, kind, "old") == complete(engine, kind, "tide") == []
        assert complete(engine, "story", "wav") == [Suggestion(type="story", text="New wave", id="1", count=1)]


def test_pairs_are_counted_over_all_segments(tmp_path: Path) -> None:
    first, second = make_dated(range(2), "Night ferry {}"), make_dated(range(2, 3), "Night ferry {}")
    with updated(tmp_path, first, second) as engine:
        assert Suggestion(type="query", text="night ferry", id=None, count=3) in complete(engine, "query", "nigh")


def test_a_large_segment_keeps_only_pairs_of_three_titles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggestion_writer, "_LARGE", 5)
    stories = make_dated(range(3), "Night ferry ferry night ferry {}")
    stories += make_dated(range(3, 5), "Quiet harbour quiet harbour quiet harbour {}")
    with updated(tmp_path, stories, []) as engine:
        segment = engine._stories.segments[0]  # type: ignore[attr-defined]
        queries = segment.suggestions.query_words.tolist()
        pairs = [[segment.words[first], segment.words[second]] for first, second in queries if second >= 0]
        assert sorted(pairs) == [[b"ferry", b"ferry"], [b"ferry", b"night"], [b"night", b"ferry"]]
        assert [suggestion.text for suggestion in complete(engine, "query", "quiet")] == ["quiet"]
        assert [suggestion.text for suggestion in complete(engine, "query", "night", 2)] == ["night", "night ferry"]
