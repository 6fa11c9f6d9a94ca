"""Which known names an unknown one is like, and that long ones cost no more."""

from __future__ import annotations

import pytest

from index import near_names
from index.near_names import find_similar_names

KNOWN = ["topic", "publisher", "per_page", "page", "min_sources", "q"]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("topics", ["topic"]),
        ("perpage", ["per_page", "page"]),
        ("pubisher", ["publisher"]),
        ("min-sources", ["min_sources"]),
        ("x", []),
        ("", []),
        ("colour", []),
        ("\ud800", []),
        ("日本", []),
    ],
)
def test_near_names_are_found_the_most_alike_first(name: str, near: list[str]) -> None:
    assert find_similar_names(name, KNOWN, 3) == near


def test_no_more_are_found_than_were_asked_for() -> None:
    assert len(find_similar_names("name", [f"name{n}" for n in range(100)], 3)) == 3


def test_a_long_name_is_cut_before_it_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    extract = near_names.process.extract

    def record(name: str, *args: object, **kwargs: object) -> object:
        compared.append(name)
        return extract(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(near_names.process, "extract", record)
    assert find_similar_names("a" * 60_000, ["a" * 128], 1) == ["a" * 128]
    assert [len(name) for name in compared] == [128]
