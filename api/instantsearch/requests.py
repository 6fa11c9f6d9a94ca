"""Bodies in Algolia's form to what is asked: strict where a wrong name would find something else than meant."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Any, Literal

import msgspec
from flask import request
from msgspec import Meta, Struct
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from api.errors import InvalidParameters, ParameterFault
from api.middleware.slow_clients import read_request_body
from api.request.bodies import decode_body, is_deep
from api.request.parameters import MAX_FAULTS, MAX_VALUES_LENGTH, find_hint
from api.request.query_string import MAX_FIELDS, parse_query_string
from index.errors import NotFound
from index.query.requests import FACETS, Sort

# The default of Algolia's clients is one more for each refined facet; no page has as many widgets.
MAX_REQUESTS = 20
MAX_HITS = 100
MAX_FACET_VALUES = 1000
# Which order an index stands for; with None relevance, or newest where nothing was typed.
STORY_INDEXES: dict[str, Sort | None] = {
    "stories": None,
    "stories_newest": Sort.NEWEST,
    "stories_oldest": Sort.OLDEST,
    "stories_updated": Sort.UPDATED,
    "stories_sources": Sort.SOURCES,
}
SOURCES = "sources"
INDEXES = (*STORY_INDEXES, SOURCES)
# Parameters of Algolia's that say how it ranks, counts and learns, not what is found: passed over.
_IGNORED = frozenset(
    """analytics analyticsTags clickAnalytics percentileComputation enableABTest userToken personalizationImpact
    enablePersonalization synonyms replaceSynonymsInHighlight enableRules ruleContexts enableReRanking
    reRankingApplyFilter ranking customRanking relevancyStrictness allowTyposOnNumericTokens
    disableTypoToleranceOnAttributes minWordSizefor1Typo minWordSizefor2Typos ignorePlurals removeStopWords
    queryLanguages naturalLanguages decompoundQuery removeWordsIfNoResults mode semanticSearch advancedSyntax
    advancedSyntaxFeatures disableExactOnAttributes exactOnSingleWordQuery alternativesAsExact distinct
    facetingAfterDistinct minProximity attributeCriteriaComputedByMinProximity attributeCriteriaComputedBy
    responseFields renderingContent snippetEllipsisText restrictHighlightAndSnippetArrays sumOrFiltersScores
    optionalFilters extensions""".split()
)
# What would find something else than is asked for, were it passed over. Empty they say nothing.
_UNSUPPORTED = frozenset(
    """similarQuery tagFilters aroundLatLng aroundLatLngViaIP aroundRadius aroundPrecision minimumAroundRadius
    insideBoundingBox insidePolygon offset length""".split()
)
# Lists, which a URL-encoded text has as JSON.
_LISTS = frozenset(
    """facets facetFilters numericFilters attributesToRetrieve attributesToHighlight attributesToSnippet optionalWords
    restrictSearchableAttributes""".split()
)
_MAX_VALUE = 100
# Names of attributes; words of a query, which may be all of them.
MAX_NAME_LENGTH = 512
# Characters of all conditions on values together: as many as the filters of a GET may have.
MAX_CONDITIONS_LENGTH = MAX_VALUES_LENGTH * len(FACETS)

Names = (
    Annotated[str, Meta(max_length=MAX_VALUES_LENGTH)]
    | Annotated[list[Annotated[str, Meta(max_length=MAX_NAME_LENGTH)]], Meta(max_length=100)]
)
Conditions = Annotated[str, Meta(max_length=MAX_CONDITIONS_LENGTH)] | list[str | list[str]]
Tag = Annotated[str, Meta(max_length=100)]


class Parameters(Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """One search, or one search for values of a facet. Names and defaults are Algolia's."""

    query: Annotated[str, Meta(max_length=512, description="What is searched for; empty: everything, newest first")] = (
        ""
    )
    page: Annotated[int, Meta(ge=0, le=2**31, description="Which page, from 0")] = 0
    hits_per_page: Annotated[int, Meta(ge=0, le=MAX_HITS, description="Hits a page")] = 20
    facets: Annotated[Names, Meta(description='Attributes to count; "*": all')] = []
    facet_filters: Annotated[
        Conditions, Meta(description='"topic:Energy"; a list within the list is or, ":-" is not')
    ] = []
    numeric_filters: Annotated[
        Conditions, Meta(description='"source_count>=3", "published_at_timestamp<1738281600"')
    ] = []
    filters: Annotated[
        str, Meta(max_length=4000, description="The same in words: topic:Energy AND source_count > 2")
    ] = ""
    attributes_to_retrieve: Annotated[Names, Meta(description='Attributes of a hit; "*": all, "-title": not this')] = (
        "*"
    )
    attributes_to_highlight: Annotated[Names, Meta(description="Attributes in _highlightResult")] = "*"
    attributes_to_snippet: Annotated[
        Names, Meta(description='Attributes in _snippetResult: "body:30" is 30 words')
    ] = []
    highlight_pre_tag: Annotated[Tag, Meta(description="What stands before a match")] = "<em>"
    highlight_post_tag: Annotated[Tag, Meta(description="What stands after a match")] = "</em>"
    max_values_per_facet: Annotated[
        int, Meta(ge=1, le=MAX_FACET_VALUES, description="Values of each facet")
    ] = 100  # fmt: skip
    sort_facet_values_by: Annotated[Literal["count", "alpha"], Meta(description="Order of a facet's values")] = "count"
    query_type: Annotated[
        Literal["prefixLast", "prefixAll", "prefixNone"], Meta(description="Which words may be unfinished")
    ] = "prefixLast"  # fmt: skip
    typo_tolerance: Annotated[
        bool | Literal["min", "strict", "true", "false"],
        Meta(description="Whether a query that finds nothing is corrected"),
    ] = True  # fmt: skip
    optional_words: Annotated[Names, Meta(description="Words of the query that need not match")] = []
    restrict_searchable_attributes: Annotated[Names, Meta(description="Attributes that words are looked for in")] = []
    get_ranking_info: Annotated[bool, Meta(description="Whether hits have _rankingInfo with their score")] = False
    facet_query: Annotated[str, Meta(max_length=200, description="Beginnings of words of the values")] = ""
    max_facet_hits: Annotated[int, Meta(ge=1, le=100, description="Values found")] = 10


class OneSearch(Parameters, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A search within a body of several."""

    index_name: Annotated[Literal[INDEXES], Meta(description="Index, which stands for an order")]  # type: ignore[valid-type]
    type: Annotated[Literal["default", "facet"], Meta(description="facet: values of a facet in place of hits")] = (
        "default"
    )
    facet: Annotated[str, Meta(max_length=100, description="The facet, with type facet")] = ""


class ManySearches(Struct, forbid_unknown_fields=True):
    """What Algolia's clients send."""

    requests: Annotated[list[OneSearch], Meta(max_length=MAX_REQUESTS, description="Searches, answered in their order")]


class Asked(Struct, frozen=True):
    """One search of a body. ``given`` are its parameters as sent, ``where`` says which one of several it is."""

    index: str
    parameters: Parameters
    given: dict[str, Any]
    where: str = ""
    facet: str | None = None


_FIELDS = {field.encode_name: field for field in msgspec.structs.fields(Parameters)}


def read_many() -> list[Asked]:
    """The searches of a body of several. Raises BadRequest, InvalidParameters, NotFound."""
    body = _read_body()
    requests = body.get("requests")
    if not isinstance(requests, list) or not all(isinstance(one, dict) for one in requests):
        raise _fault("requests", type(requests).__name__, "a list of searches")
    if len(requests) > MAX_REQUESTS:
        raise _fault("requests", str(len(requests)), f"a list of at most {MAX_REQUESTS} searches")
    if body.get("strategy", "none") != "none":
        raise _fault("strategy", str(body["strategy"])[:_MAX_VALUE], "none")
    asked, faults = [], []
    for place, one in enumerate(requests):
        try:
            asked.append(_read_search(one, f"requests[{place}]."))
        except InvalidParameters as error:
            faults += error.faults
        if len(faults) >= MAX_FAULTS:
            break
    if faults:
        raise InvalidParameters(faults[:MAX_FAULTS])
    return asked


def read_single(index_name: str, facet_name: str | None = None) -> list[Asked]:
    """The one search of a body that consists of its parameters. Raises BadRequest, InvalidParameters, NotFound."""
    given = _flatten(_read_body(), "")
    return [Asked(_find_index(index_name), _read_parameters(given, ""), given, facet=facet_name)]


def _read_body() -> dict[str, Any]:
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("send the body as it is, without Content-Encoding")
    # Algolia's browser client says text/plain, so that no browser asks beforehand; others say application/json.
    body = decode_body(read_request_body() or b"{}")
    if not isinstance(body, dict):
        raise BadRequest("the body is no JSON object")
    return body


def _read_search(one: dict[str, Any], where: str) -> Asked:
    index, kind = one.pop("indexName", None), one.pop("type", "default")
    if not isinstance(index, str):
        raise _fault(where + "indexName", None, "one of " + ", ".join(INDEXES))
    if kind not in ("default", "facet"):
        raise _fault(where + "type", str(kind)[:_MAX_VALUE], "default, facet")
    facet = one.pop("facet", None)
    given = _flatten(one, where)
    facet = given.pop("facetName", facet) or facet
    if kind == "facet" and not isinstance(facet, str):
        raise _fault(where + "facet", None, "the name of a facet")
    parameters = _read_parameters(given, where)
    return Asked(_find_index(index), parameters, given, where, facet if kind == "facet" else None)


def _find_index(name: str) -> str:
    if name not in INDEXES:
        raise NotFound("index", name[:_MAX_VALUE], INDEXES)
    return name


def _flatten(given: dict[str, Any], where: str) -> dict[str, Any]:
    """Parameters that stand under ``params``, as an object or as URL-encoded text, and beside it: older clients."""
    params = given.pop("params", None)
    if isinstance(params, str):
        params = _read_pairs(params, where)
    if params is not None and not isinstance(params, dict):
        raise _fault(where + "params", str(params)[:_MAX_VALUE], "an object, or URL-encoded text")
    return {name: value for name, value in {**given, **(params or {})}.items() if value is not None}


def _read_pairs(params: str, where: str) -> dict[str, Any]:
    if params.count("&") >= MAX_FIELDS:
        raise _fault(where + "params", params[:_MAX_VALUE], f"at most {MAX_FIELDS} parameters")
    pairs = parse_query_string(params.encode())
    repeated = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
    if repeated:
        names = [(where + name)[:_MAX_VALUE] for name in repeated[:MAX_FAULTS]]
        raise InvalidParameters([ParameterFault(name, "repeated_parameter", None, "once") for name in names])
    return {name: _read_text(name, value, where) for name, value in pairs}


def _read_text(name: str, value: str, where: str) -> Any:
    if name not in _LISTS or not value.startswith("["):
        return value
    try:
        decoded = msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        decoded = None
    if decoded is None or is_deep(decoded):
        raise _fault(where + name, value[:_MAX_VALUE], "a list in JSON")
    return decoded


def _read_parameters(given: dict[str, Any], where: str) -> Parameters:
    values: dict[str, Any] = {}
    faults: list[ParameterFault] = []
    for name, value in given.items():
        if len(faults) == MAX_FAULTS:
            break
        if name in _FIELDS:
            try:
                values[_FIELDS[name].name] = msgspec.convert(value, _FIELDS[name].type, strict=False)
            except (msgspec.ValidationError, RecursionError) as error:
                allowed = _say_allowed(str(error))
                faults.append(ParameterFault(where + name, "invalid_value", str(value)[:_MAX_VALUE], allowed))
        elif name in _UNSUPPORTED and value:
            faults.append(ParameterFault(where + name, "unsupported", str(value)[:_MAX_VALUE], "left out"))
        elif name not in _UNSUPPORTED | _IGNORED:
            hint = find_hint(name, _FIELDS, len(faults))
            shown = (where + name)[:_MAX_VALUE]
            faults.append(ParameterFault(shown, "unknown_parameter", str(value)[:_MAX_VALUE], ", ".join(_FIELDS), hint))
    if faults:
        raise InvalidParameters(faults)
    return Parameters(**values)


def _say_allowed(message: str) -> str:
    """Of msgspec's "Expected `int` <= 100, got …" what was expected."""
    expected = re.sub(r"Expected |`|, got .*| - at .*", "", message)
    expected = re.sub(r"^str of length <= (\d+)$", r"text of at most \1 characters", expected)
    return re.sub(r"^array of length <= (\d+)$", r"a list of at most \1", expected)


def _fault(name: str, value: str | None, allowed: str) -> InvalidParameters:
    return InvalidParameters([ParameterFault(name, "invalid_value", value, allowed)])


def names_of(names: str | list[str]) -> list[str]:
    """A list, or a text with commas."""
    return [name.strip() for name in names.split(",") if name.strip()] if isinstance(names, str) else names
