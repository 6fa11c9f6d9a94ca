"""Renders hits in Algolia's form: attributes, _highlightResult, _snippetResult and _rankingInfo."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from api.instantsearch.highlighting import AttributeHighlighter
from api.instantsearch.queries import HitOptions, SourcePlan, StoryPlan, select_names
from api.request.site import base_url
from api.response.answers import answer_source
from index.analysis.schema import SOURCE_DEFAULTS
from index.deadline import Deadline
from index.documents.stored_hit import Json, insert_base_url
from index.live import OpenGeneration
from index.query.results import Hit, SourceRecord
from index.query.tree import Node
from index.search import iter_stories

# Makes the _snippetResult of the body, given the number of words.
BodySnippet = Callable[[int], Json]


def render_stories(
    generation: OpenGeneration, plan: StoryPlan, tree: Node | None, hits: Sequence[Hit], deadline: Deadline
) -> list[Json]:
    """Render hits; matches of ``tree``, the corrected query, are highlighted. Raises QueryTimeout."""
    deadline.spend(sum(len(hit.stored_hit) + len(hit.highlights) for hit in hits))
    stored_hits = [msgspec.json.decode(insert_base_url(hit.stored_hit, base_url())) for hit in deadline.pace(hits)]
    highlights = [msgspec.json.decode(hit.highlights) if hit.highlights else {} for hit in deadline.pace(hits)]
    bodies = _find_bodies(generation, stored_hits, highlights, deadline)
    highlighter = AttributeHighlighter(tree, plan.query.search_in, plan.hit_options.tags, deadline)
    rendered = []
    for hit, stored_hit, hit_highlights in deadline.pace(zip(hits, stored_hits, highlights, strict=True)):
        snippet = _body_snippet(highlighter, hit_highlights, bodies.get(stored_hit["id"]))
        attributes = _make_story_attributes(stored_hit)
        rendered.append(_render_hit(attributes, hit.score, plan.hit_options, highlighter, snippet))
    return rendered


def render_sources(plan: SourcePlan, hits: Sequence[tuple[SourceRecord, float]], deadline: Deadline) -> list[Json]:
    """Render hits of sources, each a record with its score. Raises QueryTimeout."""
    highlighter = AttributeHighlighter(plan.query.tree, SOURCE_DEFAULTS, plan.hit_options.tags, deadline)
    return [
        _render_hit(_make_source_attributes(record), score, plan.hit_options, highlighter)
        for record, score in deadline.pace(hits)
    ]


def _find_bodies(
    generation: OpenGeneration, stored_hits: Sequence[Json], highlights: Sequence[Json], deadline: Deadline
) -> dict[str, str]:
    """Bodies by story id, for stories without a match in the body.

    The engine's snippet of such a story is from the summary, but Algolia's _snippetResult needs one from the body.
    """
    ids = [
        stored_hit["id"]
        for stored_hit, hit_highlights in zip(stored_hits, highlights, strict=True)
        if hit_highlights and hit_highlights["snippet"]["field"] != "body"
    ]
    return {story.id: story.body for story in iter_stories(generation, deadline.pace(ids))}


def _body_snippet(highlighter: AttributeHighlighter, highlights: Json, body: str | None) -> BodySnippet:
    def make_snippet(words: int) -> Json:
        if body is not None:
            return highlighter.make_snippet("body", body, words)
        snippet = highlights["snippet"]["text"]
        return highlighter.convert_snippet(snippet, has_match="<mark>" in snippet)

    return make_snippet


def _make_story_attributes(stored_hit: Json) -> Json:
    return {
        "objectID": stored_hit["id"],
        **stored_hit,
        "topic": [topic["label"] for topic in stored_hit["topics"]],
        "publisher": [publisher["name"] for publisher in stored_hit["publishers"]],
        "curator": stored_hit["curated_by"],
        "published_at_timestamp": _to_timestamp(stored_hit["published_at"]),
    }


def _make_source_attributes(record: SourceRecord) -> Json:
    source = answer_source(record)
    publisher = source["publisher"] or {"name": "", "domain": ""}
    return {
        "objectID": record.id,
        **source,
        "publisher": publisher["name"],
        "domain": publisher["domain"],
        "published_at_timestamp": _to_timestamp(source["published_at"]),
    }


def _render_hit(
    attributes: Json,
    score: float,
    options: HitOptions,
    highlighter: AttributeHighlighter,
    body_snippet: BodySnippet | None = None,
) -> Json:
    retrieved = {"objectID", *select_names(options.retrieved, attributes)}
    hit = {name: value for name, value in attributes.items() if name in retrieved}
    if options.highlighted:
        hit["_highlightResult"] = {
            name: _highlight(highlighter, name, attributes[name]) for name in options.highlighted
        }
    if options.snippets:
        hit["_snippetResult"] = {
            name: body_snippet(words)
            if name == "body" and body_snippet
            else highlighter.make_snippet(name, attributes[name], words)
            for name, words in options.snippets.items()
        }
    if options.ranking_info:
        hit["_rankingInfo"] = {"score": round(score, 4)}
    return hit


def _highlight(highlighter: AttributeHighlighter, name: str, value: str | list[str]) -> object:
    if isinstance(value, list):
        return [highlighter.highlight(name, text) for text in value]
    return highlighter.highlight(name, value)


def _to_timestamp(time: str | None) -> int | None:
    """Whole seconds since 1970 of an RFC 3339 time."""
    return None if time is None else math.floor(datetime.fromisoformat(time).timestamp())
