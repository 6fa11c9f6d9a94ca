"""Values of index.query to the JSON of answers. api/schemas.py describes what is made here; a test holds both equal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from api.arguments import searched_fields
from index.documents import Publisher, Source, Story
from index.generations import Manifest
from index.highlight import Highlighter, mark, snippet
from index.identity import normalize_domain, slug_of
from index.language import show_query
from index.query import Facet, Hit, Node, PublisherRecord, RelatedStory, SourceRecord

Json = dict[str, Any]


def format_time(time: datetime | None) -> str | None:
    """RFC 3339 in UTC."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z") if time else None


def select_keys(answer: Json, keys: Sequence[str] | None) -> Json:
    """The chosen keys of an answer, ``id`` always among them."""
    return {key: value for key, value in answer.items() if key == "id" or key in keys} if keys else answer


# --- stories -----------------------------------------------------------------------------------------------


def answer_brief(story: Story, base: str) -> Json:
    """A story in a list. ``base`` stands before the paths of its links."""
    return {
        "id": story.id,
        "slug": story.slug,
        "url": f"{base}/v1/stories/{story.id}",
        "share_url": f"{base}/s/{story.slug}-{story.id}",
        "title": story.title,
        "short_title": story.short_title,
        "summary": story.summary,
        "curated_by": story.curated_by,
        "published_at": format_time(story.published_at or None),
        "updated_at": format_time(story.updated_at or None),
        "language": story.language,
        "source_count": len(story.sources),
        "publishers": [_answer_publisher(publisher) for publisher in story.publishers],
        "topics": [{"id": slug_of(label), "label": label} for label in story.topics if label.strip()],
        "image_url": story.image_url or None,
    }


def answer_detail(story: Story, base: str, include: Sequence[str], related: Sequence[RelatedStory]) -> Json:
    """A story by itself, with the parts in ``include``."""
    answer = answer_brief(story, base)
    if "sections" in include:
        answer["sections"] = _answer_sections(story)
    if "sources" in include:
        answer["sources"] = answer_story_sources(story)
    if "related" in include:
        answer["related"] = [answer_related(entry, base) for entry in related]
    return answer


def _answer_sections(story: Story) -> list[Json]:
    anchors: set[str] = set()
    sections = []
    for number, section in enumerate(story.sections, start=1):
        anchor = _free_anchor(slug_of(section.heading) or f"section-{number}", anchors)
        anchors.add(anchor)
        sections.append(
            {
                "heading": section.heading,
                "anchor": anchor,
                "paragraphs": [{"text": p.text, "citations": list(p.citations)} for p in section.paragraphs],
            }
        )
    return sections


def _free_anchor(wanted: str, taken: set[str]) -> str:
    """``wanted``, or with the first number from 2 that no other section has: a heading may end in one itself."""
    numbered = (f"{wanted}-{number}" for number in count(2))
    return wanted if wanted not in taken else next(anchor for anchor in numbered if anchor not in taken)


def answer_related(entry: RelatedStory, base: str) -> Json:
    return {**answer_brief(entry.story, base), "reason": entry.reason, "score": entry.score}


def answer_hits(
    hits: Iterable[Hit], tree: Node | None, arguments: Mapping[str, Any], rarities: Mapping[str, float], base: str
) -> list[Json]:
    """The results of a search: stories with score, highlight, snippet and what matched where."""
    highlighter = Highlighter(tree if arguments["highlight"] else None, searched_fields(dict(arguments)))
    keys = arguments.get("fields_")
    return [
        select_keys({**answer_brief(hit.story, base), **_answer_matches(hit, highlighter, arguments, rarities)}, keys)
        for hit in hits
    ]


def _answer_matches(
    hit: Hit, highlighter: Highlighter, arguments: Mapping[str, Any], rarities: Mapping[str, float]
) -> Json:
    story, tag = hit.story, arguments["highlight_tag"]
    spans = {name: highlighter.find_spans(name, getattr(story, name)) for name in ("title", "summary")}
    body = story.body
    body_spans = highlighter.find_spans("body", body)
    in_body = bool(body_spans) or not story.summary
    name, text, found = ("body", body, body_spans) if in_body else ("summary", story.summary, spans["summary"])
    return {
        "score": round(hit.score, 4),
        "highlight": {field: mark(getattr(story, field), spans[field], tag) for field in spans},
        "snippet": {"field": name, "text": snippet(text, found, arguments["snippet_words"], tag, rarities)},
        "matches": {field: [list(span) for span in spans[field]] for field in spans if spans[field]},
        "matched_sources": [
            number
            for number, source in enumerate(story.sources, start=1)
            if source.title and highlighter.find_spans("source", source.title)
        ],
    }


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


def answer_query(arguments: Mapping[str, Any], tree: Node | None, sort: str) -> Json:
    """How the query was understood."""
    return {
        "q": arguments["q"],
        "parsed": show_query(tree),
        "corrected": False,
        "did_you_mean": None,
        "match": arguments["match"],
        "relaxed": None,
        "sort": sort,
    }


# --- sources and publishers --------------------------------------------------------------------------------


def answer_story_sources(story: Story) -> list[Json]:
    """The sources of a story by position ``n``."""
    pairs = zip(story.source_ids(), story.sources, strict=True)
    return [{"n": n, "id": ident, **_answer_source(source)} for n, (ident, source) in enumerate(pairs, start=1)]


def answer_source(record: SourceRecord, score: float | None = None) -> Json:
    answer = {"id": record.id, **_answer_source(record.source), "story_ids": list(record.story_ids)}
    return answer if score is None else {**answer, "score": round(score, 4)}


def _answer_source(source: Source) -> Json:
    return {
        "url": source.url or None,
        "title": source.title,
        "publisher": _answer_publisher(source.publisher) if source.publisher and source.publisher.id else None,
        "author": source.author,
        "published_at": format_time(source.published_at or None),
        "excerpt": source.excerpt,
    }


def _answer_publisher(publisher: Publisher) -> Json:
    return {
        "id": publisher.id,
        "name": publisher.label,
        "domain": normalize_domain(publisher.domain),
        "logo_url": publisher.logo_url or None,
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
