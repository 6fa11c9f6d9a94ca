"""Parses request bodies in Algolia's form. Unknown parameters are errors: ignoring one could change the results."""

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

# InstantSearch sends one search per refined facet and one more. No page has so many widgets.
MAX_REQUESTS = 20
MAX_HITS = 100
MAX_FACET_VALUES = 1000
# The order of hits for each index name. None: by relevance, or newest first if the query is empty.
STORY_INDEXES: dict[str, Sort | None] = {
    "stories": None,
    "stories_newest": Sort.NEWEST,
    "stories_oldest": Sort.OLDEST,
    "stories_updated": Sort.UPDATED,
    "stories_sources": Sort.SOURCES,
}
SOURCES = "sources"
INDEXES = (*STORY_INDEXES, SOURCES)
# Algolia's parameters for ranking, analytics and personalisation. They do not decide which hits match: ignored.
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
# Parameters that would change which hits match. An error unless their value is empty.
_UNSUPPORTED = frozenset(
    """similarQuery tagFilters aroundLatLng aroundLatLngViaIP aroundRadius aroundPrecision minimumAroundRadius
    insideBoundingBox insidePolygon offset length""".split()
)
# Parameters that take a list, which is encoded as JSON inside a URL-encoded string.
_LISTS = frozenset(
    """facets facetFilters numericFilters attributesToRetrieve attributesToHighlight attributesToSnippet optionalWords
    restrictSearchableAttributes""".split()
)
_MAX_VALUE = 100
# Characters of one name in a list: an attribute, or a word of the query.
MAX_NAME_LENGTH = 512
# Characters of all conditions together: as many as the filters of a GET request may have.
MAX_CONDITIONS_LENGTH = MAX_VALUES_LENGTH * len(FACETS)

Names = (
    Annotated[str, Meta(max_length=MAX_VALUES_LENGTH)]
    | Annotated[list[Annotated[str, Meta(max_length=MAX_NAME_LENGTH)]], Meta(max_length=100)]
)
Conditions = Annotated[str, Meta(max_length=MAX_CONDITIONS_LENGTH)] | list[str | list[str]]
Tag = Annotated[str, Meta(max_length=100)]


class Parameters(Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """The parameters of a search, or of a search for values of a facet. Names and defaults are Algolia's."""

    query: Annotated[str, Meta(max_length=512, description="Words to search for; empty: all hits, newest first")] = ""
    page: Annotated[int, Meta(ge=0, le=2**31, description="Number of the page, from 0")] = 0
    hits_per_page: Annotated[int, Meta(ge=0, le=MAX_HITS, description="Hits per page")] = 20
    facets: Annotated[Names, Meta(description='Attributes to count; "*": all')] = []
    facet_filters: Annotated[
        Conditions,
        Meta(description='Conditions joined by AND: "topic:Energy", "topic:-Energy" (exclude); inner lists are OR'),
    ] = []
    numeric_filters: Annotated[
        Conditions, Meta(description='"source_count>=3", "published_at_timestamp<1738281600"')
    ] = []
    filters: Annotated[
        str, Meta(max_length=4000, description="Conditions as text: topic:Energy AND source_count > 2")
    ] = ""
    attributes_to_retrieve: Annotated[
        Names, Meta(description='Attributes of a hit; "*": all, "-title": all but title')
    ] = "*"
    attributes_to_highlight: Annotated[Names, Meta(description="Attributes in _highlightResult")] = "*"
    attributes_to_snippet: Annotated[
        Names, Meta(description='Attributes in _snippetResult: "body:30" gives 30 words')
    ] = []
    highlight_pre_tag: Annotated[Tag, Meta(description="Text before each match")] = "<em>"
    highlight_post_tag: Annotated[Tag, Meta(description="Text after each match")] = "</em>"
    max_values_per_facet: Annotated[
        int, Meta(ge=1, le=MAX_FACET_VALUES, description="Values per facet")
    ] = 100  # fmt: skip
    sort_facet_values_by: Annotated[Literal["count", "alpha"], Meta(description="Order of the values of a facet")] = (
        "count"
    )
    query_type: Annotated[
        Literal["prefixLast", "prefixAll", "prefixNone"], Meta(description="Which words also match as prefixes")
    ] = "prefixLast"  # fmt: skip
    typo_tolerance: Annotated[
        bool | Literal["min", "strict", "true", "false"],
        Meta(description="Whether to correct a query without matches"),
    ] = True  # fmt: skip
    optional_words: Annotated[Names, Meta(description="Words of the query that are not required")] = []
    restrict_searchable_attributes: Annotated[Names, Meta(description="Attributes to search for the words")] = []
    get_ranking_info: Annotated[bool, Meta(description="Whether hits have _rankingInfo with their score")] = False
    facet_query: Annotated[str, Meta(max_length=200, description="Prefixes of words in the values of the facet")] = ""
    max_facet_hits: Annotated[int, Meta(ge=1, le=100, description="Most values in facetHits")] = 10


class OneSearch(Parameters, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One search of a request with several."""

    index_name: Annotated[Literal[INDEXES], Meta(description="Index; each index of stories has its own order")]  # type: ignore[valid-type]
    type: Annotated[Literal["default", "facet"], Meta(description="facet: search the values of a facet")] = "default"
    facet: Annotated[str, Meta(max_length=100, description="Name of the facet, with type facet")] = ""


class ManySearches(Struct, forbid_unknown_fields=True):
    """The body that Algolia's clients send."""

    requests: Annotated[
        list[OneSearch], Meta(max_length=MAX_REQUESTS, description="Searches; the answers have the same order")
    ]


class InstantSearchRequest(Struct, frozen=True, kw_only=True):
    """One search of a body.

    ``raw_parameters``: the parameters as sent. ``prefix``: prepended to names of parameters in errors, "requests[1]."
    for the second search of a body. ``facet``: the facet whose values are searched, None for a search for hits.
    """

    index: str
    parameters: Parameters
    raw_parameters: dict[str, Any]
    prefix: str = ""
    facet: str | None = None


_FIELDS = {field.encode_name: field for field in msgspec.structs.fields(Parameters)}


def read_many() -> list[InstantSearchRequest]:
    """Parse a body with several searches. Raises BadRequest, InvalidParameters, NotFound."""
    body = _read_body()
    searches = body.get("requests")
    if not isinstance(searches, list) or not all(isinstance(search, dict) for search in searches):
        raise _make_error("requests", type(searches).__name__, "a list of searches")
    if len(searches) > MAX_REQUESTS:
        raise _make_error("requests", str(len(searches)), f"a list of at most {MAX_REQUESTS} searches")
    if body.get("strategy", "none") != "none":
        raise _make_error("strategy", str(body["strategy"])[:_MAX_VALUE], "none")
    parsed, faults = [], []
    for n, search in enumerate(searches):
        try:
            parsed.append(_read_search(search, f"requests[{n}]."))
        except InvalidParameters as error:
            faults += error.faults
        if len(faults) >= MAX_FAULTS:
            break
    if faults:
        raise InvalidParameters(faults[:MAX_FAULTS])
    return parsed


def read_single(index_name: str, facet_name: str | None = None) -> list[InstantSearchRequest]:
    """Parse a body with the parameters of one search. Raises BadRequest, InvalidParameters, NotFound."""
    raw_parameters = _merge_params(_read_body(), "")
    request = InstantSearchRequest(
        index=_check_index(index_name),
        parameters=_read_parameters(raw_parameters, ""),
        raw_parameters=raw_parameters,
        facet=facet_name,
    )
    return [request]


def _read_body() -> dict[str, Any]:
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("send the body without Content-Encoding")
    # Any Content-Type: Algolia's browser client sends text/plain to avoid CORS preflight requests.
    body = decode_body(read_request_body() or b"{}")
    if not isinstance(body, dict):
        raise BadRequest("the body must be a JSON object")
    return body


def _read_search(search: dict[str, Any], prefix: str) -> InstantSearchRequest:
    index, search_type = search.pop("indexName", None), search.pop("type", "default")
    if not isinstance(index, str):
        raise _make_error(prefix + "indexName", None, "one of " + ", ".join(INDEXES))
    if search_type not in ("default", "facet"):
        raise _make_error(prefix + "type", str(search_type)[:_MAX_VALUE], "default, facet")
    facet = search.pop("facet", None)
    raw_parameters = _merge_params(search, prefix)
    facet = raw_parameters.pop("facetName", facet) or facet
    if search_type == "facet" and not isinstance(facet, str):
        raise _make_error(prefix + "facet", None, "the name of a facet")
    parameters = _read_parameters(raw_parameters, prefix)
    return InstantSearchRequest(
        index=_check_index(index),
        parameters=parameters,
        raw_parameters=raw_parameters,
        prefix=prefix,
        facet=facet if search_type == "facet" else None,
    )


def _check_index(name: str) -> str:
    if name not in INDEXES:
        raise NotFound("index", name[:_MAX_VALUE], INDEXES)
    return name


def _merge_params(body: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Merge ``params`` into the other parameters: older clients send them there, as an object or URL-encoded string."""
    params = body.pop("params", None)
    if isinstance(params, str):
        params = _read_pairs(params, prefix)
    if params is not None and not isinstance(params, dict):
        raise _make_error(prefix + "params", str(params)[:_MAX_VALUE], "an object or a URL-encoded string")
    return {name: value for name, value in {**body, **(params or {})}.items() if value is not None}


def _read_pairs(params: str, prefix: str) -> dict[str, Any]:
    if params.count("&") >= MAX_FIELDS:
        raise _make_error(prefix + "params", params[:_MAX_VALUE], f"at most {MAX_FIELDS} parameters")
    pairs = parse_query_string(params.encode())
    repeated = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if repeated:
        names = [(prefix + name)[:_MAX_VALUE] for name in repeated[:MAX_FAULTS]]
        raise InvalidParameters([ParameterFault(name, "repeated_parameter", None, "once") for name in names])
    return {name: _read_text(name, value, prefix) for name, value in pairs}


def _read_text(name: str, value: str, prefix: str) -> Any:
    if name not in _LISTS or not value.startswith("["):
        return value
    try:
        decoded = msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        decoded = None
    if decoded is None or is_deep(decoded):
        raise _make_error(prefix + name, value[:_MAX_VALUE], "a JSON list")
    return decoded


def _read_parameters(raw_parameters: dict[str, Any], prefix: str) -> Parameters:
    values: dict[str, Any] = {}
    faults: list[ParameterFault] = []
    for name, value in raw_parameters.items():
        if len(faults) == MAX_FAULTS:
            break
        if name in _FIELDS:
            try:
                values[_FIELDS[name].name] = msgspec.convert(value, _FIELDS[name].type, strict=False)
            except (msgspec.ValidationError, RecursionError) as error:
                allowed = _format_allowed(str(error))
                faults.append(ParameterFault(prefix + name, "invalid_value", str(value)[:_MAX_VALUE], allowed))
        elif name in _UNSUPPORTED and value:
            faults.append(ParameterFault(prefix + name, "unsupported", str(value)[:_MAX_VALUE], "left out"))
        elif name not in _UNSUPPORTED | _IGNORED:
            hint = find_hint(name, _FIELDS, len(faults))
            full_name = (prefix + name)[:_MAX_VALUE]
            faults.append(
                ParameterFault(full_name, "unknown_parameter", str(value)[:_MAX_VALUE], ", ".join(_FIELDS), hint)
            )
    if faults:
        raise InvalidParameters(faults)
    return Parameters(**values)


def _format_allowed(message: str) -> str:
    """Take what is allowed from an error of msgspec such as "Expected `int` <= 100, got `int`"."""
    expected = re.sub(r"Expected |`|, got .*| - at .*", "", message)
    expected = re.sub(r"^str of length <= (\d+)$", r"text of at most \1 characters", expected)
    return re.sub(r"^array of length <= (\d+)$", r"a list of at most \1", expected)


def _make_error(name: str, value: str | None, allowed: str) -> InvalidParameters:
    return InvalidParameters([ParameterFault(name, "invalid_value", value, allowed)])


def split_names(names: str | list[str]) -> list[str]:
    """The names in a list or in a string with commas."""
    return [name.strip() for name in names.split(",") if name.strip()] if isinstance(names, str) else names
