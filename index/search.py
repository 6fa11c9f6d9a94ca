"""The one entry for searches, and what else the API asks of an index: single stories, related ones, publishers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from index.analysis.schema import fold_label, has_word_prefixes
from index.deadline import Deadline
from index.documents.identity import source_id
from index.documents.stored_hit import encode_hit
from index.documents.story import Story
from index.engines.base import Engine
from index.errors import Gone, NotFound
from index.live import OpenGeneration
from index.query.language import format_query, relax_query
from index.query.requests import FacetRequest, Filters, Interval, SearchQuery
from index.query.results import (
    Facet,
    Hit,
    PublisherRecord,
    RelatedStory,
    SearchPage,
    SearchResult,
    SourceRecord,
    Timeline,
)
from index.query.timeline import fill_gaps
from index.query.tree import Node
from index.spelling import Correction, propose_corrections

# Characters of a ``slug-id``: a slug has at most 80, an id 128.
MAX_SHARED = 209
# Stories are loaded in batches, because each may have megabytes.
_BATCH = 20
# Limits of the search for related stories: ids in a story's own list, stories citing one article, and stories compared
# with it (those that share most articles).
_MAX_CURATED, _MAX_CITING, _MAX_COMPARED = 1000, 100, 100


def run_search(engine: Engine, query: SearchQuery, *, correct: bool = True) -> SearchResult:
    """Search stories. With ``correct``, a query that matches nothing is tried again, until something matches:

    1. with corrected words (index.spelling),
    2. with any of its words in place of all,
    3. and if only the filters prevent a corrected match, ``did_you_mean`` says what would match without them.

    All searches together take no longer than one may. Raises QueryTimeout.
    """
    started = time.monotonic()
    deadline = Deadline(engine.max_seconds, query.seconds)
    page = engine.search_stories(query)
    if not correct or page.total or query.tree is None or time.monotonic() - started > engine.retry_seconds:
        return SearchResult(page=page, tree=query.tree)
    corrections = propose_corrections(engine, query.tree, deadline)
    best = _choose_correction(engine, query, corrections, deadline)
    if best is not None:
        corrected = engine.search_stories(replace(query, tree=best, seconds=deadline.remaining()))
        return SearchResult(page=corrected, tree=best, corrected=True)
    loose = relax_query(corrections[0].tree if corrections else query.tree)
    if loose is not None:
        relaxed = engine.search_stories(replace(query, tree=loose, seconds=deadline.remaining()))
        if relaxed.total:
            return SearchResult(page=relaxed, tree=loose, corrected=bool(corrections), relaxed="any")
    hint = None
    if query.filters != Filters():
        hint = _choose_correction(engine, replace(query, filters=Filters()), corrections, deadline)
    return SearchResult(page=page, tree=query.tree, did_you_mean=format_query(hint) if hint else None)


def _choose_correction(
    engine: Engine, query: SearchQuery, corrections: Sequence[Correction], deadline: Deadline
) -> Node | None:
    """Of the corrections with the fewest edits that match anything, the one with the most matches times likelihood.

    None if none matches. Stops after ``engine.retry_seconds``: many searches for prefixes would occupy a worker for
    more than a second.
    """
    best, most, distance = None, 0.0, 0
    until = time.monotonic() + engine.retry_seconds
    for correction in corrections:
        if best is not None and correction.distance > distance:
            break
        counting = replace(
            query, tree=correction.tree, facets=FacetRequest(), offset=0, limit=0, seconds=deadline.remaining()
        )
        weight = engine.search_stories(counting).total * correction.likelihood
        if weight > most:
            best, most, distance = correction.tree, weight, correction.distance
        if time.monotonic() > until:
            break
    return best


def count_facet(generation: OpenGeneration, query: SearchQuery) -> Facet:
    """The counts of a query that requests exactly one facet."""
    (facet,) = generation.engine.search_stories(query).facets.values()
    return facet


def count_timeline(generation: OpenGeneration, query: SearchQuery, interval: Interval) -> Timeline:
    """The number of matches published in each interval, from the first to the last. Raises TooManyBuckets."""
    counts, missing = generation.engine.date_histogram(query, interval)
    return Timeline(buckets=fill_gaps(counts, interval), missing=missing)


def export_stories(generation: OpenGeneration, query: SearchQuery) -> Iterator[bytes]:
    """All matches, in order, as NDJSON lines that `outpost build` reads."""
    return (line + b"\n" for line in generation.engine.iter_documents(query))


def iter_stories(generation: OpenGeneration, idents: Iterable[str]) -> Iterator[Story]:
    """The stories that exist, in the order of ``idents``, loaded one by one: each may have megabytes."""
    for ident in idents:
        yield from generation.engine.find_stories([ident])


def get_story(generation: OpenGeneration, ident: str) -> Story:
    """Raises Gone if the story was in an earlier generation, else NotFound with similar ids."""
    stories = generation.engine.find_stories([ident])
    if stories:
        return stories[0]
    if generation.story_ids.was_removed(ident):
        raise Gone(ident)
    raise NotFound("story", ident, generation.story_ids.find_similar(ident))


def get_shared_story(generation: OpenGeneration, name: str) -> Story:
    """The story of a ``slug-id``. Only the id must be right: the slug may be out of date. Both may contain "-".

    Raises Gone if the story was in an earlier generation, else NotFound.
    """
    parts = name[-MAX_SHARED:].split("-")
    candidates = ["-".join(parts[at:]) for at in range(1, len(parts))]
    stories = generation.engine.find_stories(candidates)
    exact = (story for story in stories if f"{story.slug}-{story.id}" == name)
    story = next(exact, None) or next(iter(stories), None)
    if story is not None:
        return story
    for ident in candidates:
        if generation.story_ids.was_removed(ident):
            raise Gone(ident)
    raise NotFound("story", name)


def get_source(generation: OpenGeneration, ident: str) -> SourceRecord:
    """Raises NotFound."""
    source = generation.engine.find_source(ident)
    if source is None:
        raise NotFound("source", ident)
    return source


def related_stories(generation: OpenGeneration, story: Story, limit: int) -> list[RelatedStory]:
    """Curated stories in their order, then those that share a cited article, then similar ones; none twice.

    The score depends on the reason. curated: 1.0. shared_source: shared articles divided by all articles of both
    (Jaccard). similar: the score of ``Engine.find_similar``. Raises QueryTimeout.
    """
    engine = generation.engine
    deadline = Deadline(engine.max_seconds)
    idents = [ident for ident in dict.fromkeys(story.related[:_MAX_CURATED]) if ident != story.id]
    related = [
        RelatedStory(story=other, reason="curated", score=1.0) for other in _find_first(engine, idents, limit, deadline)
    ]
    taken = {story.id, *(entry.story.id for entry in related)}
    if len(related) < limit:
        shared = [entry for entry in _find_sharing(engine, story, deadline) if entry.story.id not in taken]
        related += shared[: limit - len(related)]
        taken.update(entry.story.id for entry in related)
    if len(related) < limit:
        similar = engine.find_similar(story, limit - len(related), frozenset(taken), deadline.remaining())
        related += [RelatedStory(story=other, reason="similar", score=round(score, 4)) for other, score in similar]
    return related


def _find_first(engine: Engine, idents: Sequence[str], limit: int, deadline: Deadline) -> list[Story]:
    """The first ``limit`` stories that exist."""
    stories: list[Story] = []
    for at in deadline.pace(range(0, len(idents), _BATCH)):
        if len(stories) >= limit:
            break
        stories += engine.find_stories(idents[at : at + _BATCH])
    return stories[:limit]


def _find_sharing(engine: Engine, story: Story, deadline: Deadline) -> list[RelatedStory]:
    """Stories that cite one of this story's articles, by score, then newest first, then by id."""
    with_url = {ident for ident, source in zip(story.source_ids(), story.sources, strict=True) if source.url}
    shared: Counter[str] = Counter()
    for ident in deadline.pace(sorted(with_url)):
        source = engine.find_source(ident)
        if source:
            # An article cited by hundreds of stories, such as a home page, tells little: the first hundred are enough.
            shared.update(other for other in source.story_ids[:_MAX_CITING] if other != story.id)
    nearest = sorted(shared, key=lambda ident: (-shared[ident], ident))[:_MAX_COMPARED]
    sources = set(story.source_ids())
    entries = [
        RelatedStory(
            story=other,
            reason="shared_source",
            score=round(shared[other.id] / len(sources | set(other.source_ids())), 4),
        )
        for at in range(0, len(nearest), _BATCH)
        for other in deadline.pace(engine.find_stories(nearest[at : at + _BATCH]))
    ]
    return sorted(entries, key=lambda entry: (-entry.score, _newest_first(entry.story), entry.story.id))


def _newest_first(story: Story) -> float:
    return -story.published_at.timestamp() if story.published_at else float("inf")


def find_citing(generation: OpenGeneration, url: str, offset: int, limit: int) -> SearchPage:
    """The stories that cite the article at ``url``, newest first; the URL is normalized. Raises QueryTimeout."""
    deadline = Deadline(generation.engine.max_seconds)
    source = generation.engine.find_source(source_id(url, "", 0))
    idents = source.story_ids if source else ()
    stories = [
        story
        for at in range(0, len(idents), _BATCH)
        for story in deadline.pace(generation.engine.find_stories(idents[at : at + _BATCH]))
    ]
    stories.sort(key=lambda story: (_newest_first(story), story.id))
    hits = tuple(Hit(score=0.0, stored_hit=encode_hit(story)) for story in stories[offset : offset + limit])
    deadline.spend(sum(len(hit.stored_hit) for hit in hits))
    return SearchPage(total=len(stories), hits=hits, facets={})


def get_publisher(generation: OpenGeneration, ident: str) -> PublisherRecord:
    """Raises NotFound."""
    for publisher in generation.engine.list_publishers():
        if publisher.id == ident:
            return publisher
    raise NotFound("publisher", ident)


def find_publishers(generation: OpenGeneration, text: str, *, by_name: bool) -> Sequence[PublisherRecord]:
    """Publishers whose name or domain has, for each word of ``text``, a word that begins with it.

    Sorted by name, else by story count.
    """
    beginnings = fold_label(text).split()
    publishers = [
        publisher
        for publisher in generation.engine.list_publishers()
        if has_word_prefixes(fold_label(f"{publisher.name} {publisher.domain}"), beginnings)
    ]
    return sorted(publishers, key=lambda item: (item.name.casefold(), item.id)) if by_name else publishers
