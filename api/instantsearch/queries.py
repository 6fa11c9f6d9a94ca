"""What is asked to the queries of the engine."""

from __future__ import annotations

from api.errors import InvalidParameters, ParameterFault
from api.instantsearch.filters import NUMBERS, STORY_ATTRIBUTES, TIME, Clause, Reader, Value
from api.instantsearch.requests import STORY_INDEXES, Asked, names_of
from api.request.arguments import MAX_WINDOW, SEARCH_IN
from index.analysis.schema import MAX_WORD, SOURCE_FIELDS, STORY_DEFAULTS, STORY_FIELDS, WORD, fold_label
from index.query.language import parse_query
from index.query.requests import (
    FACETS,
    FacetRequest,
    Filters,
    HighlightOptions,
    NumberName,
    SearchQuery,
    Sort,
    SourceQuery,
    ValueFilter,
)
from index.query.tree import NOTHING, And, Node, Not, Or, Prefix, Term

# What words may be looked for in, as attributes and as parameters of the API are called.
_SEARCHABLE = {**SEARCH_IN, **{field.name: field.name for field in STORY_FIELDS}}
_SOURCE_ATTRIBUTES = ("publisher", TIME)


def find_window(asked: Asked) -> tuple[int, int]:
    """Offset and limit; beyond what pages reach there is nothing, as with Algolia."""
    page, size = asked.parameters.page, asked.parameters.hits_per_page
    return (page * size, size) if (page + 1) * size <= MAX_WINDOW else (0, 0)


def find_facets(asked: Asked) -> tuple[tuple[str, ...], tuple[NumberName, ...]]:
    """Facets and numbers to count. Raises InvalidParameters."""
    names = list(dict.fromkeys(names_of(asked.parameters.facets)))
    if "*" in names:
        names = list(STORY_ATTRIBUTES)
    for name in names:
        if name not in STORY_ATTRIBUTES:
            raise _refuse(asked, "facets", name, "of " + ", ".join((*STORY_ATTRIBUTES, "*")))
    return tuple(name for name in names if name in FACETS), tuple(number for number in NUMBERS if number in names)


def make_query(asked: Asked, names: tuple[str, ...]) -> SearchQuery:
    """A search over stories that counts these facets, or, where values of a facet are asked for, only that."""
    parameters = asked.parameters
    tree = make_tree(asked)
    offset, limit = find_window(asked)
    request = FacetRequest(
        names=names,
        size=parameters.max_values_per_facet,
        sort="value" if parameters.sort_facet_values_by == "alpha" else "count",
        filtered=True,
    )
    if asked.facet is not None:
        offset, limit = 0, 0
        beginnings = tuple(fold_label(parameters.facet_query).split())
        request = FacetRequest(
            names=(asked.facet,),
            size=parameters.max_facet_hits,
            sort=request.sort,
            containing=beginnings,
            filtered=True,
        )
    return SearchQuery(
        tree=tree,
        search_in=find_searched(asked),
        filters=_read_filters(asked),
        sort=STORY_INDEXES[asked.index] or (Sort.RELEVANCE if tree is not None else Sort.NEWEST),
        facets=request,
        offset=offset,
        limit=limit,
        highlighting=HighlightOptions(words=words) if (words := find_snippets(asked, ("body",)).get("body")) else None,
    )


def make_source_query(asked: Asked) -> SourceQuery:
    """A search over sources. A page that shows both sends the filters of its stories for sources too: no source has a
    topic, so that a condition on one finds nothing, as with Algolia."""
    reader = Reader(asked.where)
    clauses = [_of_sources(clause) for clause in _read_clauses(asked, reader)]
    filters = reader.combine([clause for clause in clauses if clause])
    if len(filters.values) > 1:
        allowed = "at most one condition on publisher, of one or more values"
        raise _refuse(asked, "facetFilters", None, allowed)
    offset, limit = find_window(asked)
    publishers = filters.values[0] if filters.values else ValueFilter(facet="publisher")
    tree = NOTHING if [] in clauses else make_tree(asked)
    return SourceQuery(
        tree=tree,
        publishers=publishers,
        published_from=filters.published_from,
        published_before=filters.published_before,
        offset=offset,
        limit=limit,
    )


def _of_sources(clause: Clause) -> Clause | None:
    """What of a clause a source can fulfil; None where every source does, for it has not what is excluded."""
    if any(isinstance(one, Value) and one.negative and one.attribute not in _SOURCE_ATTRIBUTES for one in clause):
        return None
    return [one for one in clause if one.attribute in _SOURCE_ATTRIBUTES]


def _read_clauses(asked: Asked, reader: Reader) -> list[Clause]:
    parameters = asked.parameters
    return reader.read(parameters.facet_filters, parameters.numeric_filters, parameters.filters)


def _read_filters(asked: Asked) -> Filters:
    reader = Reader(asked.where)
    return reader.combine(_read_clauses(asked, reader))


def find_searched(asked: Asked) -> tuple[str, ...]:
    """The fields that words without one are looked for in. Raises InvalidParameters."""
    names = names_of(asked.parameters.restrict_searchable_attributes)
    for name in names:
        if name not in _SEARCHABLE:
            raise _refuse(asked, "restrictSearchableAttributes", name, "of " + ", ".join(_SEARCHABLE))
    return tuple(dict.fromkeys(_SEARCHABLE[name] for name in names)) or STORY_DEFAULTS


def find_snippets(asked: Asked, attributes: tuple[str, ...]) -> dict[str, int]:
    """How many words of which attributes are excerpts: "body:30", "*:20", "title"; 10 words as Algolia has it."""
    found: dict[str, int] = {}
    for one in names_of(asked.parameters.attributes_to_snippet):
        name, _, size = one.partition(":")
        words = int(size) if size.isdecimal() and len(size) < 4 else 0 if size else 10
        if not 1 <= words <= 100:
            raise _refuse(asked, "attributesToSnippet", one, "attributes with 1 to 100 words, as body:30")
        for attribute in attributes if name == "*" else [name]:
            if attribute in attributes:
                found[attribute] = words
    return found


# --- the words ---------------------------------------------------------------------------------------------


def make_tree(asked: Asked) -> Node | None:
    """The tree of the query; its last word stands for all that begin with it, unless a blank has finished it."""
    parameters = asked.parameters
    fields = SOURCE_FIELDS if asked.index == "sources" else STORY_FIELDS
    tree = parse_query(parameters.query, [field.name for field in fields])
    optional = {word.lower() for text in names_of(parameters.optional_words) for word in text.split()}
    if optional and isinstance(tree, And):
        tree = _loosen(tree, optional)
    match parameters.query_type:
        case "prefixLast":
            return _complete_last(tree, parameters.query)
        case "prefixAll":
            return _complete_all(tree)
        case _:
            return tree


def _complete(term: Term) -> Node:
    return Or((term, Prefix(term.text.lower(), term.field)))


def _complete_last(tree: Node | None, text: str) -> Node | None:
    match tree:
        case And((*before, last)):
            return And((*before, _complete_last(last, text) or last))
        case Or((*before, last)):
            return Or((*before, _complete_last(last, text) or last))
        case Term(word) if text.endswith(word):
            return _complete(tree)
        case Or(()) if words := WORD.findall(text[-MAX_WORD:]):
            # A stop word by itself finds nothing; it may become another one: "the" on the way to "theatre".
            return Prefix(words[-1].lower()) if text.endswith(words[-1]) else tree
        case _:
            return tree


def _complete_all(tree: Node | None) -> Node | None:
    match tree:
        case And(children):
            return And(tuple(_complete_all(child) or child for child in children))
        case Or(children):
            return Or(tuple(_complete_all(child) or child for child in children))
        case Term():
            return _complete(tree)
        case _:
            return tree


def _loosen(tree: And, optional: set[str]) -> Node:
    """The same with some of its words only good for the score."""
    free = [child for child in tree.children if isinstance(child, Term) and child.text.lower() in optional]
    bound = [child for child in tree.children if child not in free]
    wanted = [child for child in bound if not isinstance(child, Not)]
    if not free:
        return tree
    if not wanted:
        return And((Or(tuple(free)), *bound)) if bound else Or(tuple(free))
    # Every match has the first one, so that this finds nothing else; what has a free word too scores more.
    return And((*bound, Or((wanted[0], *free))))


def _refuse(asked: Asked, name: str, value: str | None, allowed: str) -> InvalidParameters:
    return InvalidParameters([ParameterFault(asked.where + name, "invalid_value", value and value[:100], allowed)])
