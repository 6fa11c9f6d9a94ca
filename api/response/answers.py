"""Turns results (index.query.results) into the JSON of answers, as described in api/openapi/schemas.py.

A test checks that both agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from index.analysis.folding import TypedText, find_typed_text
from index.documents.identity import slug_of
from index.documents.stored_hit import Json, describe_hit, describe_publisher, format_time, insert_base_url
from index.documents.story import Source, Story
from index.files.manifest import Manifest
from index.query.highlight import insert_tags
from index.query.language import format_query
from index.query.results import Facet, Hit, PublisherRecord, RelatedStory, SearchResult, SourceRecord, Suggestion

# Characters of a heading that its anchor is made from.
_MAX_HEADING = 200
_encode = msgspec.json.Encoder().encode


def select_keys(answer: Json, keys: Sequence[str] | None) -> Json:
    """The answer with ``id`` and ``keys`` only; with all keys if ``keys`` is empty or None."""
    return {key: value for key, value in answer.items() if key == "id" or key in keys} if keys else answer


# --- stories -----------------------------------------------------------------------------------------------


def answer_stored_hits(hits: Iterable[Hit], keys: Sequence[str] | None, base: str) -> msgspec.Raw:
    """Stories of a list. ``base`` is the base URL of their links."""
    return _join((hit.stored_hit for hit in hits), keys, base)


def answer_hits(hits: Iterable[Hit], keys: Sequence[str] | None, base: str) -> msgspec.Raw:
    """The results of a search: stories with score, highlights, snippet and matched fields."""
    scored = (
        b'%b,"score":%b,%b' % (hit.stored_hit[:-1], _encode(round(hit.score, 4)), hit.highlights[1:]) for hit in hits
    )
    return _join(scored, keys, base)


def _join(entries: Iterable[bytes], keys: Sequence[str] | None, base: str) -> msgspec.Raw:
    """A JSON array of stored hits, with ``keys`` only or all keys."""
    array = insert_base_url(b"[%b]" % b",".join(entries), base)
    if keys:
        array = _encode([select_keys(entry, keys) for entry in msgspec.json.decode(array)])
    return msgspec.Raw(array)


def answer_detail(story: Story, base: str, include: Sequence[str], related: Sequence[RelatedStory]) -> Json:
    """One story, with the parts named in ``include``."""
    answer = describe_hit(story, base)
    if "sections" in include:
        answer["sections"] = _answer_sections(story)
    if "sources" in include:
        answer["sources"] = answer_story_sources(story)
    if "related" in include:
        answer["related"] = [answer_related(entry, base) for entry in related]
    return answer


def _answer_sections(story: Story) -> list[Json]:
    anchors: set[str] = set()
    numbers: Counter[str] = Counter()
    sections = []
    for number, section in enumerate(story.sections, start=1):
        slug = slug_of(section.heading[:_MAX_HEADING]) or f"section-{number}"
        anchor = slug
        # Add the first free number from 2 on; a heading may itself end in a number.
        while anchor in anchors:
            numbers[slug] += 1
            anchor = f"{slug}-{numbers[slug] + 1}"
        anchors.add(anchor)
        sections.append(
            {
                "heading": section.heading,
                "anchor": anchor,
                "paragraphs": [{"text": p.text, "citations": list(p.citations)} for p in section.paragraphs],
            }
        )
    return sections


def answer_related(entry: RelatedStory, base: str) -> Json:
    return {**describe_hit(entry.story, base), "reason": entry.reason, "score": entry.score}


def answer_facets(facets: Mapping[str, Facet]) -> Json:
    return {
        name: {
            "values": [
                {"value": v.value, "label": v.label, "count": v.count, "selected": v.selected} for v in facet.values
            ],
            "other": facet.other,
            "missing": facet.missing,
        }
        for name, facet in facets.items()
    }


def answer_query(arguments: Mapping[str, Any], result: SearchResult, sort: str) -> Json:
    """How the query was parsed and corrected."""
    return {
        "q": arguments["q"],
        "parsed": format_query(result.tree),
        "corrected": result.corrected,
        "did_you_mean": result.did_you_mean,
        "match": arguments["match"],
        "relaxed": result.relaxed,
        "sort": sort,
    }


def answer_suggestion(suggestion: Suggestion, typed: TypedText | None) -> Json:
    """A suggestion in which the typed text is highlighted."""
    span = find_typed_text(suggestion.text, typed) if typed else None
    return {
        "type": suggestion.type,
        "text": suggestion.text,
        "highlight": insert_tags(suggestion.text, [span] if span else [], "mark"),
        "id": suggestion.id,
        "count": suggestion.count,
    }


# --- sources and publishers --------------------------------------------------------------------------------


def answer_story_sources(story: Story) -> list[Json]:
    """The sources of a story, numbered from 1 by ``n``."""
    pairs = zip(story.source_ids(), story.sources, strict=True)
    return [{"n": n, "id": ident, **_answer_source(source)} for n, (ident, source) in enumerate(pairs, start=1)]


def answer_source(record: SourceRecord, score: float | None = None) -> Json:
    answer = {"id": record.id, **_answer_source(record.source), "story_ids": list(record.story_ids)}
    return answer if score is None else {**answer, "score": round(score, 4)}


def _answer_source(source: Source) -> Json:
    return {
        "url": source.url or None,
        "title": source.title,
        "publisher": describe_publisher(source.publisher) if source.publisher and source.publisher.id else None,
        "author": source.author,
        "published_at": format_time(source.published_at or None),
        "excerpt": source.excerpt,
    }


def answer_publisher(record: PublisherRecord) -> Json:
    return {
        "id": record.id,
        "name": record.name,
        "domain": record.domain,
        "logo_url": record.logo_url or None,
        "story_count": record.story_count,
        "source_count": record.source_count,
    }


# --- the server --------------------------------------------------------------------------------------------


def answer_status(manifest: Manifest, version: str) -> Json:
    status = manifest.status
    return {
        "version": version,
        "generation": manifest.generation,
        "built_at": format_time(manifest.built_at),
        "engine": manifest.engine,
        "schema_version": manifest.schema_version,
        "stories": status.stories,
        "sources": status.sources,
        "publishers": status.publishers,
        "newest_story": format_time(status.newest),
        "segments": status.segments,
        "deleted": status.deleted,
        "bytes": sum(manifest.files.values()),
    }
