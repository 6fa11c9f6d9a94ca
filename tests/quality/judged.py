"""The judged collections as stories. Third-party text lies outside of the project, in the directory that the variable
OUTPOST_QUALITY_DATA names; the small made-up collection beside this file is always there."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from index.documents.story import Story
from tests.support.factories import make_story

_OWN = Path(__file__).parent / "judged.ndjson"
DATA = Path(os.environ.get("OUTPOST_QUALITY_DATA", ""))
HAS_DATA = "OUTPOST_QUALITY_DATA" in os.environ


@dataclass(frozen=True)
class Judged:
    """Stories; questions, each with the ids that answer it; and ids that tell one and the same story, by id."""

    stories: list[Story]
    questions: list[tuple[str, frozenset[str]]]
    mates: dict[str, frozenset[str]]


def read_own() -> Judged:
    """A line each: stories with a ``cluster``, then questions with the ids that answer them."""
    rows = [json.loads(line) for line in _OWN.read_text(encoding="utf-8").splitlines()]
    questions = [(row["question"], frozenset(row["answers"])) for row in rows if "question" in row]
    articles = [row for row in rows if "question" not in row]
    clusters = {row["id"]: row.pop("cluster") for row in articles}
    return Judged([make_story(row.pop("id"), **row) for row in articles], questions, _find_mates(clusters))


def read_time(headline: int) -> Judged:
    """The collection has no titles, each text begins with its headline: the first ``headline`` words are the title
    (with 0 a dash, which is no word)."""
    answers: defaultdict[str, set[str]] = defaultdict(set)
    for line in (DATA / "time" / "qrels.txt").read_text().splitlines():
        question, _, ident, grade = line.split()
        if int(grade):
            answers[question].add(ident)
    rows = map(json.loads, (DATA / "time" / "queries.jsonl").read_text().splitlines())
    # In capitals AND, OR and NOT would be the language's.
    questions = [(row["text"].lower(), frozenset(answers[row["id"]])) for row in rows if row["id"] in answers]
    stories = []
    for row in _read_lines(DATA / "time" / "docs.jsonl.gz"):
        words = row["text"].split()
        stories.append(_make_article(row["id"], " ".join(words[:headline]), " ".join(words[headline:])))
    return Judged(stories, questions, {})


def read_clusters(name: str, *, dated: bool) -> Judged:
    """``name`` is neus_articles or uci_headlines."""
    rows = list(_read_lines(DATA / "clusters" / f"{name}.ndjson.gz"))
    stories = [
        _make_article(row["id"], row["title"], row.get("body", ""), _time_of(row) if dated else None) for row in rows
    ]
    return Judged(stories, [], _find_mates({row["id"]: row["cluster"] for row in rows}))


def read_allsides() -> Judged:
    """Each article of a story as one of its own; none has a time."""
    stories, clusters = [], {}
    for row in _read_lines(DATA / "allsides.ndjson.gz"):
        for number, source in enumerate(row.get("sources", [])):
            ident = f"{row['id']}.{number}"
            clusters[ident] = row["id"]
            stories.append(_make_article(ident, source.get("title", ""), source.get("excerpt", "")))
    return Judged(stories, [], _find_mates(clusters))


def _make_article(ident: str, title: str, body: str, time: datetime | None = None) -> Story:
    sections = [{"paragraphs": [{"text": _clean(body)}]}] if body.strip() else []
    dated = {"published_at": time.isoformat()} if time else {}
    return make_story(ident, title=_clean(title) or "-", sections=sections, **dated)


def _clean(text: str) -> str:
    """On one line, without the control characters that no story may have."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split())


def _time_of(row: dict[str, Any]) -> datetime:
    if "published_ms" in row:
        return datetime.fromtimestamp(row["published_ms"] / 1000, UTC)
    form = "%m/%d/%y" if "/" in row["published_at"] else "%Y-%m-%d"
    return datetime.strptime(row["published_at"], form).replace(tzinfo=UTC)


def _find_mates(clusters: dict[str, str]) -> dict[str, frozenset[str]]:
    """For each id that has some, the others of its cluster."""
    sizes = Counter(clusters.values())
    members: defaultdict[str, set[str]] = defaultdict(set)
    for ident, cluster in clusters.items():
        members[cluster].add(ident)
    return {ident: frozenset(members[cluster] - {ident}) for ident, cluster in clusters.items() if sizes[cluster] > 1}


def _read_lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)
