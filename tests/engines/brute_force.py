"""The contract of index/engines/base.py worked out story by story: slow, small, and right at a glance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from index.analysis.schema import SOURCE_DEFAULTS, WORD, iter_tokens, term_of
from index.documents.identity import slug_of
from index.documents.story import Publisher, Source, Story
from index.query.requests import FacetRequest, Filters, SearchQuery, Sort, SourceQuery, ValueFilter
from index.query.results import Facet, FacetValue, SourceRecord
from index.query.tree import And, Node, Not, Or, Phrase, Prefix, Term

Texts = Mapping[str, str]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def texts_of_story(story: Story) -> dict[str, str]:
    return {
        "title": story.title,
        "summary": story.summary,
        "body": story.body,
        "source": "\n".join(source.title for source in story.sources),
        "topic": "\n".join(story.topics),
        "publisher": "\n".join(publisher.label for publisher in story.publishers),
        "curator": story.curated_by,
    }


def texts_of_source(source: Source) -> dict[str, str]:
    return {
        "title": source.title,
        "excerpt": source.excerpt,
        "author": source.author,
        "publisher": source.publisher.label if source.publisher else "",
    }


def values_of(story: Story, facet: str) -> set[str]:
    """The facet ids of a story."""
    match facet:
        case "topic":
            values = {slug_of(topic) for topic in story.topics}
        case "publisher":
            values = {publisher.id for publisher in story.publishers}
        case "curator":
            values = {slug_of(story.curated_by)}
        case "language":
            values = {story.language.lower()}
        case "domain":
            values = {source.domain for source in story.sources}
        case _:
            digits = {"year": 4, "month": 7}[facet]
            values = {str(story.published_at.astimezone(UTC))[:digits]} if story.published_at else set()
    return values - {""}


def newest_first(time: object, ident: str) -> tuple[object, ...]:
    """The end of every order: newest, undated last, then id."""
    if isinstance(time, datetime):
        return (0, _EPOCH - time, ident)
    return (1, ident)


def _words_of(every: Iterable[Texts]) -> set[str]:
    return {word.lower() for texts in every for text in texts.values() for word in WORD.findall(text)}


class BruteForce:
    """All of a corpus, nothing worked out in advance but its words and its merged sources."""

    def __init__(self, stories: Sequence[Story]) -> None:
        self.stories = {story.id: story for story in stories}
        self.sources = {record.id: record for record in _merge_all(stories)}
        self._story_words = _words_of(texts_of_story(story) for story in stories)
        self._source_words = _words_of(texts_of_source(record.source) for record in self.sources.values())

    # --- matching ------------------------------------------------------------------------------------------

    def match_stories(self, query: SearchQuery, *, leave_out: str | None = None) -> list[Story]:
        """The stories that match, in no order; the filter on the facet ``leave_out`` is not looked at."""
        return [
            story
            for story in self.stories.values()
            if self._matches(query.tree, texts_of_story(story), query.search_in, self._story_words)
            and _passes(story, query.filters, leave_out)
        ]

    def match_sources(self, query: SourceQuery) -> list[SourceRecord]:
        return [
            record
            for record in self.sources.values()
            if self._matches(query.tree, texts_of_source(record.source), SOURCE_DEFAULTS, self._source_words)
            and (query.story is None or query.story in record.story_ids)
            and _has_value({record.source.publisher.id} if record.source.publisher else set(), query.publishers)
            and _in_time(record.source.published_at, query.published_from, query.published_before)
        ]

    def _matches(self, tree: Node | None, texts: Texts, search_in: Sequence[str], words: set[str]) -> bool:
        if tree is None:
            return True
        terms = {name: [term for term, _, _ in iter_tokens(text)] for name, text in texts.items()}

        def searched(field: str | None) -> Iterable[list[str]]:
            return [terms[name] for name in ((field,) if field else search_in)]

        def holds(node: Node) -> bool:
            match node:
                case Term(_, term, field):
                    return any(term in own for own in searched(field))
                case Phrase(_, wanted, field):
                    return any(_stand_together(wanted, own) for own in searched(field))
                case Prefix(text, field):
                    wanted_terms = {term_of(word) for word in words if word.startswith(text)}
                    return any(not wanted_terms.isdisjoint(own) for own in searched(field))
                case Not(child):
                    return not holds(child)
                case And(children):
                    return all(map(holds, children))
                case Or(children):
                    return any(map(holds, children))

        return holds(tree)

    # --- order and facets ----------------------------------------------------------------------------------

    def count_facet(self, name: str, query: SearchQuery, labels: Mapping[str, str]) -> Facet:
        stories = self.match_stories(query, leave_out=None if query.facets.filtered else name)
        counts = Counter(value for story in stories for value in values_of(story, name))
        selected = {value for own in query.filters.values if own.facet == name for value in own.any_of}
        entries = [
            FacetValue(value=value, label=labels.get(value, value), count=counts[value], selected=value in selected)
            for value in set(counts) | selected
            if _begins_words(labels.get(value, value), query.facets.containing)
        ]
        entries.sort(key=_facet_order(query.facets))
        shown = [entry for place, entry in enumerate(entries) if place < query.facets.size or entry.selected]
        other = sum(entry.count for entry in entries) - sum(entry.count for entry in shown)
        return Facet(values=tuple(shown), other=other, missing=sum(not values_of(story, name) for story in stories))


def story_order(story: Story, score: float, sort: Sort) -> tuple[object, ...]:
    """What hits are sorted by, least first."""
    end = newest_first(story.published_at, story.id)
    match sort:
        case Sort.RELEVANCE:
            return (-score, end)
        case Sort.NEWEST:
            return end
        case Sort.OLDEST:
            time = story.published_at
            return ((0, time - _EPOCH) if isinstance(time, datetime) else (1,), end)
        case Sort.UPDATED:
            return (newest_first(story.updated_at or story.published_at, ""), end)
        case Sort.SOURCES:
            return (-len(story.sources), end)


def source_order(record: SourceRecord, score: float) -> tuple[object, ...]:
    return (-score, newest_first(record.source.published_at, record.id))


def _facet_order(request: FacetRequest) -> object:
    if request.sort == "count":
        return lambda entry: (-entry.count, entry.label.casefold(), entry.value)
    return lambda entry: (entry.label.casefold(), entry.value)


def _begins_words(label: str, beginnings: Iterable[str]) -> bool:
    words = WORD.findall(label.casefold())
    return all(any(word.startswith(one) for word in words) for one in beginnings)


def _stand_together(wanted: Sequence[str], terms: Sequence[str]) -> bool:
    size = len(wanted)
    return any(tuple(terms[place : place + size]) == tuple(wanted) for place in range(len(terms) - size + 1))


def _passes(story: Story, filters: Filters, leave_out: str | None) -> bool:
    count = len(story.sources)
    return (
        all(_has_value(values_of(story, own.facet), own) for own in filters.values if own.facet != leave_out)
        and _in_time(story.published_at, filters.published_from, filters.published_before)
        and (filters.min_sources is None or count >= filters.min_sources)
        and (filters.max_sources is None or count <= filters.max_sources)
    )


def _has_value(values: set[str], wanted: ValueFilter) -> bool:
    return (not wanted.any_of or bool(values & wanted.any_of)) and not values & wanted.none_of


def _in_time(time: object, start: datetime | None, end: datetime | None) -> bool:
    if start is None and end is None:
        return True
    return isinstance(time, datetime) and (start is None or start <= time) and (end is None or time < end)


def _merge_all(stories: Iterable[Story]) -> list[SourceRecord]:
    """Each article once: of every field the first that says something, with the stories in their order."""
    said: dict[str, list[tuple[str, Source]]] = {}
    for story in stories:
        for ident, source in zip(story.source_ids(), story.sources, strict=True):
            said.setdefault(ident, []).append((story.id, source))
    return [
        SourceRecord(id=ident, source=_merge([source for _, source in citing]), story_ids=_unique(citing))
        for ident, citing in said.items()
    ]


def _merge(sources: Sequence[Source]) -> Source:
    if len(sources) == 1:
        return sources[0]
    merged = {}
    for name in Source.__struct_fields__:
        for source in sources:
            value = getattr(source, name)
            if value and value != Publisher():
                merged[name] = value
                break
    return Source(**merged)


def _unique(said: Iterable[tuple[str, Source]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(story for story, _ in said))
