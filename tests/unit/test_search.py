"""What the API asks of a generation: single stories, related ones, publishers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from index.documents.story import Story
from index.errors import Gone, NotFound
from index.indexer import build_index
from index.live import LiveIndex, OpenGeneration
from index.search import find_publishers, get_publisher, get_source, get_story, related_stories
from tests.support.factories import build_stories, make_story, write_stories


@contextmanager
def serve(root: Path, *stories: Story) -> Iterator[OpenGeneration]:
    """A generation of ``stories``, or the one at ``root`` when there are none."""
    live = LiveIndex(build_stories(root, stories) if stories else root)
    with live.borrow() as generation:
        yield generation
    live.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "index"


def cite(*paths: str) -> list[dict[str, str]]:
    return [{"url": f"https://example.com/{path}"} for path in paths]


def outline(generation: OpenGeneration, story: Story, limit: int = 5) -> list[tuple[str, str]]:
    return [(entry.story.id, entry.reason) for entry in related_stories(generation, story, limit)]


# --- related stories ---------------------------------------------------------------------------------------

ROBOTS = "Ferry robot catches a mooring line"


def test_related_stories_are_curated_ones_in_their_order_then_sharing_ones_then_similar_ones(root: Path) -> None:
    story = make_story("s", title=ROBOTS, related=["c2", "missing", "c1"], sources=cite("a", "b"))
    with serve(
        root,
        story,
        make_story("c1", title="Potatoes"),
        make_story("c2", title="Carrots"),
        make_story("half", title="Onions", sources=cite("a", "x", "y")),
        make_story("most", title="Leeks", sources=cite("b", "a")),
        make_story("like", title=ROBOTS),
        make_story("far", title="Turnips"),
    ) as generation:
        related = related_stories(generation, story, 10)
        assert [(entry.story.id, entry.reason, entry.score) for entry in related[:4]] == [
            ("c2", "curated", 1.0),
            ("c1", "curated", 1.0),
            ("most", "shared_source", 1.0),
            ("half", "shared_source", 0.25),
        ]
        assert [(entry.story.id, entry.reason) for entry in related[4:]] == [("like", "similar")]
        assert 0 < related[4].score <= 1
        for limit in range(6):
            assert related_stories(generation, story, limit) == related[:limit]


def test_a_story_is_never_related_to_itself_nor_to_another_twice(root: Path) -> None:
    story = make_story("s", title=ROBOTS, related=["s", "all", "all"], sources=cite("a", "b", "b"))
    everything = make_story("all", title=ROBOTS, sources=cite("a", "b"))
    shared = make_story("shared", title=ROBOTS, sources=cite("b"))
    with serve(root, story, everything, shared) as generation:
        assert outline(generation, story) == [("all", "curated"), ("shared", "shared_source")]


def test_sharing_stories_of_equal_score_are_newest_first_then_by_id(root: Path) -> None:
    story = make_story("s", title="Potatoes", sources=cite("a"))
    dates = {
        "undated": None,
        "old": "2024-01-01T00:00:00Z",
        "new-b": "2025-01-01T00:00:00Z",
        "new-a": "2025-01-01T00:00:00Z",
    }
    others = [
        make_story(ident, sources=cite("a"), **({"published_at": date} if date else {}))
        for ident, date in dates.items()
    ]
    with serve(root, story, *others) as generation:
        found = [ident for ident, reason in outline(generation, story) if reason == "shared_source"]
    assert found == ["new-a", "new-b", "old", "undated"]


def test_the_score_of_a_shared_article_is_the_same_from_both_sides(root: Path) -> None:
    one = make_story("1", sources=[*cite("a"), {"title": "A source without a link"}])
    two = make_story("2", sources=cite("a", "b"))
    with serve(root, one, two) as generation:
        scores = [related_stories(generation, story, 1)[0].score for story in (one, two)]
    assert scores == [pytest.approx(1 / 3, abs=1e-4)] * 2


def test_sources_without_a_link_are_shared_by_nobody(root: Path) -> None:
    one, two = (make_story(ident, title=ident, sources=[{"title": "Same"}, {}]) for ident in ("potato", "carrot"))
    with serve(root, one, two) as generation:
        assert outline(generation, one) == [("carrot", "similar")]


def test_one_article_under_two_spellings_of_its_url_is_shared(root: Path) -> None:
    one = make_story("1", sources=[{"url": "https://www.example.com/a/?utm_source=x"}])
    two = make_story("2", sources=[{"url": "http://example.com/a#top"}])
    with serve(root, one, two) as generation:
        assert outline(generation, one)[0] == ("2", "shared_source")


# --- single documents --------------------------------------------------------------------------------------


def test_a_story_comes_back_as_it_was_sent(root: Path) -> None:
    story = make_story("31141", summary="<think>", published_at="2024-01-02T03:04:05.678901Z", sources=cite("a"))
    with serve(root, story) as generation:
        assert get_story(generation, "31141") == story


def test_a_story_never_seen_is_not_found_and_told_with_ids_that_look_alike(root: Path) -> None:
    with serve(root, *(make_story(str(number)) for number in range(31_140, 31_150))) as generation:
        with pytest.raises(NotFound) as caught:
            get_story(generation, "311411")
        assert caught.value.kind == "story"
        assert "31141" in caught.value.near
        with pytest.raises(NotFound) as caught:
            get_story(generation, "\ud800")
        assert caught.value.near == ()


def test_a_story_that_an_earlier_generation_had_is_gone_until_it_comes_back(root: Path, tmp_path: Path) -> None:
    build_stories(root, [make_story("1"), make_story("2")])
    for idents in (["2"], ["2", "3"]):
        build_index(root, [write_stories(tmp_path / "next.ndjson", map(make_story, idents))])
        with serve(root) as generation, pytest.raises(Gone) as caught:
            get_story(generation, "1")
        assert caught.value.ident == "1"
    build_index(root, [write_stories(tmp_path / "next.ndjson", map(make_story, ["1"]))])
    with serve(root) as generation:
        assert get_story(generation, "1").id == "1"


def test_a_source_is_found_by_its_id_with_the_stories_that_cite_it(root: Path) -> None:
    one, two = make_story("1", sources=cite("a")), make_story("2", sources=[{}, *cite("a")])
    with serve(root, one, two) as generation:
        assert get_source(generation, one.source_ids()[0]).story_ids == ("1", "2")
        assert get_source(generation, "2:1").story_ids == ("2",)
        with pytest.raises(NotFound):
            get_source(generation, "2:2")


# --- publishers --------------------------------------------------------------------------------------------


@pytest.fixture
def publishers(root: Path) -> Iterator[OpenGeneration]:
    names = ("The Verge", "Reuters", "Reuters", "New York Times", "Ars Technica", "été.fr")
    stories = [make_story(str(n), sources=[{"publisher": {"name": name}}]) for n, name in enumerate(names)]
    with serve(root, *stories, make_story("x", sources=[{"publisher": {"domain": "www.verge.example"}}])) as generation:
        yield generation


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["Reuters", "Ars Technica", "New York Times", "The Verge", "verge.example", "été.fr"]),
        ("reu", ["Reuters"]),
        ("VERGE", ["The Verge", "verge.example"]),
        ("times new", ["New York Times"]),
        ("ork", []),
        ("ÉTÉ", ["été.fr"]),
        ("reuters times", []),
    ],
)
def test_publishers_are_found_by_the_beginnings_of_their_words(
    publishers: OpenGeneration, text: str, found: list[str]
) -> None:
    assert [publisher.name for publisher in find_publishers(publishers, text, by_name=False)] == found


def test_publishers_are_listed_by_name_when_asked_so(publishers: OpenGeneration) -> None:
    names = [publisher.name for publisher in find_publishers(publishers, "", by_name=True)]
    assert names == sorted(names, key=str.casefold)
    assert len(names) == 6


def test_a_publisher_is_found_by_its_id_only(publishers: OpenGeneration) -> None:
    assert get_publisher(publishers, "reuters").story_count == 2
    with pytest.raises(NotFound):
        get_publisher(publishers, "Reuters")
