"""Turns one InstantSearch request into a plan: the query for the engine and how to render its hits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from api.errors import InvalidParameters, ParameterFault
from api.instantsearch.filters import NUMBERS, STORY_ATTRIBUTES, TIMESTAMP, Clause, FilterReader, Value
from api.instantsearch.highlighting import HighlightTags
from api.instantsearch.requests import SOURCES, STORY_INDEXES, InstantSearchRequest, split_names
from api.request.arguments import MAX_WINDOW, SEARCH_IN
from index.analysis.schema import MAX_WORD, SOURCE_FIELDS, STORY_DEFAULTS, STORY_FIELDS, WORD, fold_label
from index.query.language import parse_query
from index.query.requests import (
    FACETS,
    FacetRequest,
    HighlightOptions,
    SearchQuery,
    Sort,
    SourceQuery,
    ValueFilter,
)
from index.query.tree import NOTHING, And, Node, Not, Or, Prefix, Term

_STORY_HIGHLIGHTS = ("title", "summary", "topic", "publisher", "curator")
_STORY_SNIPPETS = ("title", "summary", "body")
_SOURCE_TEXTS = ("title", "excerpt", "author", "publisher")
# Values of restrictSearchableAttributes, by name of the attribute or of the API's search_in -> field of the index.
_SEARCHABLE = {**SEARCH_IN, **{field.name: field.name for field in STORY_FIELDS}}
_SOURCE_ATTRIBUTES = ("publisher", TIMESTAMP)
# Words of a snippet if the request does not say how many: Algolia's default.
_SNIPPET_WORDS = 10


class HitOptions(Struct, frozen=True, kw_only=True):
    """How hits are rendered. ``snippets``: number of words by attribute. ``retrieved``: names as in the request."""

    tags: HighlightTags
    retrieved: Sequence[str]
    highlighted: Sequence[str]
    snippets: Mapping[str, int]
    ranking_info: bool


class StoryPlan(Struct, frozen=True, kw_only=True):
    """A search over stories. ``numbers``: numeric attributes whose values and statistics are computed."""

    request: InstantSearchRequest
    query: SearchQuery
    numbers: Sequence[str]
    hit_options: HitOptions
    correct_typos: bool


class SourcePlan(Struct, frozen=True, kw_only=True):
    """A search over sources."""

    request: InstantSearchRequest
    query: SourceQuery
    hit_options: HitOptions


class FacetPlan(Struct, frozen=True, kw_only=True):
    """A search for values of a facet of stories. ``prefixes``: what words of the values begin with, case folded."""

    query: SearchQuery
    facet: str
    prefixes: Sequence[str]
    limit: int
    tags: HighlightTags
    correct_typos: bool


def plan_search(request: InstantSearchRequest) -> StoryPlan | SourcePlan | FacetPlan:
    """Plan how to answer a request. Raises InvalidParameters."""
    if request.facet is not None:
        return _plan_facet(request, request.facet)
    if request.index == SOURCES:
        return _plan_sources(request)
    return _plan_stories(request)


def _plan_stories(request: InstantSearchRequest) -> StoryPlan:
    parameters = request.parameters
    names = _find_facet_names(request)
    hit_options = _make_hit_options(request, _STORY_HIGHLIGHTS, _STORY_SNIPPETS)
    body_words = hit_options.snippets.get("body")
    offset, limit = _find_window(request)
    facets = FacetRequest(
        names=tuple(name for name in names if name in FACETS),
        size=parameters.max_values_per_facet,
        sort=_find_facet_sort(request),
        filtered=True,
    )
    highlighting = HighlightOptions(words=body_words) if body_words else None
    return StoryPlan(
        request=request,
        query=_make_story_query(request, facets, offset, limit, highlighting),
        numbers=tuple(name for name in NUMBERS if name in names),
        hit_options=hit_options,
        correct_typos=_allows_typos(request),
    )


def _plan_facet(request: InstantSearchRequest, facet: str) -> FacetPlan:
    if request.index == SOURCES or facet not in FACETS:
        allowed = "left out, because sources have no facets" if request.index == SOURCES else _one_of(FACETS)
        raise _make_error(request, "facet", facet, allowed)
    parameters = request.parameters
    prefixes = tuple(fold_label(parameters.facet_query).split())
    facets = FacetRequest(
        names=(facet,),
        size=parameters.max_facet_hits,
        sort=_find_facet_sort(request),
        containing=prefixes,
        filtered=True,
    )
    hit_options = _make_hit_options(request, _STORY_HIGHLIGHTS, _STORY_SNIPPETS)
    return FacetPlan(
        query=_make_story_query(request, facets, 0, 0, None),
        facet=facet,
        prefixes=prefixes,
        limit=parameters.max_facet_hits,
        tags=hit_options.tags,
        correct_typos=_allows_typos(request),
    )


def _make_story_query(
    request: InstantSearchRequest, facets: FacetRequest, offset: int, limit: int, highlighting: HighlightOptions | None
) -> SearchQuery:
    tree = _parse_words(request)
    reader = FilterReader(request.prefix)
    return SearchQuery(
        tree=tree,
        search_in=_find_search_fields(request),
        filters=reader.combine(_read_clauses(request, reader)),
        sort=STORY_INDEXES[request.index] or (Sort.RELEVANCE if tree is not None else Sort.NEWEST),
        facets=facets,
        offset=offset,
        limit=limit,
        highlighting=highlighting,
    )


def _plan_sources(request: InstantSearchRequest) -> SourcePlan:
    """Plan a search over sources.

    Pages that show stories and sources send the filters of the stories with both searches. No source has a topic, so a
    condition on one matches no source, as with Algolia.
    """
    reader = FilterReader(request.prefix)
    clauses = [_keep_source_conditions(clause) for clause in _read_clauses(request, reader)]
    filters = reader.combine([clause for clause in clauses if clause])
    if len(filters.values) > 1:
        raise _make_error(request, "facetFilters", None, "at most one condition on publisher, of one or more values")
    offset, limit = _find_window(request)
    query = SourceQuery(
        tree=NOTHING if [] in clauses else _parse_words(request),
        publishers=filters.values[0] if filters.values else ValueFilter(facet="publisher"),
        published_from=filters.published_from,
        published_before=filters.published_before,
        offset=offset,
        limit=limit,
    )
    return SourcePlan(
        request=request, query=query, hit_options=_make_hit_options(request, _SOURCE_TEXTS, _SOURCE_TEXTS)
    )


def _keep_source_conditions(clause: Clause) -> Clause | None:
    """The conditions that a source can meet; [] if no source meets the clause, None if every source does.

    Sources lack most attributes of stories: they never have an excluded value of one.
    """
    for condition in clause:
        if isinstance(condition, Value) and condition.negative and condition.attribute not in _SOURCE_ATTRIBUTES:
            return None
    return [condition for condition in clause if condition.attribute in _SOURCE_ATTRIBUTES]


# --- parameters --------------------------------------------------------------------------------------------


def _read_clauses(request: InstantSearchRequest, reader: FilterReader) -> list[Clause]:
    parameters = request.parameters
    return reader.read(parameters.facet_filters, parameters.numeric_filters, parameters.filters)


def _find_window(request: InstantSearchRequest) -> tuple[int, int]:
    """Offset and limit. Pages beyond MAX_WINDOW hits are empty, as with Algolia."""
    page, size = request.parameters.page, request.parameters.hits_per_page
    return (page * size, size) if (page + 1) * size <= MAX_WINDOW else (0, 0)


def _find_facet_names(request: InstantSearchRequest) -> list[str]:
    names = list(dict.fromkeys(split_names(request.parameters.facets)))
    if "*" in names:
        names = list(STORY_ATTRIBUTES)
    for name in names:
        if name not in STORY_ATTRIBUTES:
            raise _make_error(request, "facets", name, _one_of((*STORY_ATTRIBUTES, "*")))
    return names


def _find_facet_sort(request: InstantSearchRequest) -> Literal["count", "value"]:
    return "value" if request.parameters.sort_facet_values_by == "alpha" else "count"


def _allows_typos(request: InstantSearchRequest) -> bool:
    return request.parameters.typo_tolerance not in (False, "false")


def _find_search_fields(request: InstantSearchRequest) -> tuple[str, ...]:
    """The index fields to search for words that name no field."""
    names = split_names(request.parameters.restrict_searchable_attributes)
    for name in names:
        if name not in _SEARCHABLE:
            raise _make_error(request, "restrictSearchableAttributes", name, _one_of(_SEARCHABLE))
    return tuple(dict.fromkeys(_SEARCHABLE[name] for name in names)) or STORY_DEFAULTS


def _make_hit_options(
    request: InstantSearchRequest, highlightable: Sequence[str], snippetable: Sequence[str]
) -> HitOptions:
    parameters = request.parameters
    return HitOptions(
        tags=HighlightTags(before=parameters.highlight_pre_tag, after=parameters.highlight_post_tag),
        retrieved=split_names(parameters.attributes_to_retrieve),
        highlighted=select_names(split_names(parameters.attributes_to_highlight), highlightable),
        snippets=_read_snippets(request, snippetable),
        ranking_info=parameters.get_ranking_info,
    )


def _read_snippets(request: InstantSearchRequest, attributes: Sequence[str]) -> dict[str, int]:
    """Words per snippet by attribute. The parameter has entries like "body:30", "*:20" and "title"."""
    snippets: dict[str, int] = {}
    for entry in split_names(request.parameters.attributes_to_snippet):
        name, _, size = entry.partition(":")
        words = int(size) if size.isdecimal() and len(size) < 4 else 0 if size else _SNIPPET_WORDS
        if not 1 <= words <= 100:
            raise _make_error(
                request, "attributesToSnippet", entry, "attributes with 1 to 100 words each, such as body:30"
            )
        for attribute in attributes if name == "*" else [name]:
            if attribute in attributes:
                snippets[attribute] = words
    return snippets


def select_names(names: Sequence[str], known: Iterable[str]) -> list[str]:
    """The ``known`` names that are in ``names``. "*" selects all, "-name" excludes one."""
    return [name for name in known if (name in names or "*" in names) and f"-{name}" not in names]


def _one_of(names: Iterable[str]) -> str:
    return "one of " + ", ".join(names)


def _make_error(request: InstantSearchRequest, name: str, value: str | None, allowed: str) -> InvalidParameters:
    return InvalidParameters([ParameterFault(request.prefix + name, "invalid_value", value and value[:100], allowed)])


# --- words -------------------------------------------------------------------------------------------------


def _parse_words(request: InstantSearchRequest) -> Node | None:
    """Parse the query. Its last word also matches as a prefix, unless a space follows it (``queryType``)."""
    parameters = request.parameters
    fields = SOURCE_FIELDS if request.index == SOURCES else STORY_FIELDS
    tree = parse_query(parameters.query, [field.name for field in fields])
    optional = {word.lower() for text in split_names(parameters.optional_words) for word in text.split()}
    if optional and isinstance(tree, And):
        tree = _make_optional(tree, optional)
    match parameters.query_type:
        case "prefixLast":
            return _add_last_prefix(tree, parameters.query)
        case "prefixAll":
            return _add_all_prefixes(tree)
        case _:
            return tree


def _add_prefix(term: Term) -> Node:
    return Or((term, Prefix(term.text.lower(), term.field)))


def _add_last_prefix(tree: Node | None, text: str) -> Node | None:
    match tree:
        case And((*before, last)):
            return And((*before, _add_last_prefix(last, text) or last))
        case Or((*before, last)):
            return Or((*before, _add_last_prefix(last, text) or last))
        case Term(word) if text.endswith(word):
            return _add_prefix(tree)
        case Or(()) if words := WORD.findall(text[-MAX_WORD:]):
            # A query of one stop word matches nothing, but it may be an unfinished word: "the" for "theatre".
            return Prefix(words[-1].lower()) if text.endswith(words[-1]) else tree
        case _:
            return tree


def _add_all_prefixes(tree: Node | None) -> Node | None:
    match tree:
        case And(children):
            return And(tuple(_add_all_prefixes(child) or child for child in children))
        case Or(children):
            return Or(tuple(_add_all_prefixes(child) or child for child in children))
        case Term():
            return _add_prefix(tree)
        case _:
            return tree


def _make_optional(tree: And, optional: set[str]) -> Node:
    """Make words optional: they need not match, but raise the score."""
    free = [child for child in tree.children if isinstance(child, Term) and child.text.lower() in optional]
    required = [child for child in tree.children if child not in free]
    positive = [child for child in required if not isinstance(child, Not)]
    if not free:
        return tree
    if not positive:
        return And((Or(tuple(free)), *required)) if required else Or(tuple(free))
    # Every match contains positive[0], so the Or changes no matches; optional words in it add to the score.
    return And((*required, Or((positive[0], *free))))
