"""Converts facetFilters, numericFilters and filters to the filters of a query.

All three parameters express a conjunction of clauses, each a disjunction of conditions. The engines support fewer
clauses: values of one attribute, one excluded value, or one range of numbers. Other clauses raise InvalidParameters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NoReturn

from msgspec import Struct

from api.errors import InvalidParameters, ParameterFault
from api.instantsearch.requests import MAX_CONDITIONS_LENGTH, Conditions
from api.request.arguments import make_value_filter
from api.request.parameters import MAX_VALUES_LENGTH, ValueChoice
from index.documents.story import EARLIEST, LATEST
from index.query.requests import FACETS, Filters, NumberName, ValueFilter

SOURCE_COUNT, TIMESTAMP = "source_count", "published_at_timestamp"
# Numeric attributes: name in the protocol -> name in queries to an engine.
NUMBERS: dict[str, NumberName] = {SOURCE_COUNT: "source_count", TIMESTAMP: "published_at"}
STORY_ATTRIBUTES = (*FACETS, *NUMBERS)
# Each clause reads the matches once more: 1 ms for 228,612 stories.
MAX_CLAUSES = 20
MAX_CONDITIONS = 1000
_MAX_DEPTH = 10
# No story has more sources.
_MAX_SOURCES = 10_000
_NUMBER = r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?"
_CONDITION = rf"""(?P<attribute>[A-Za-z_][\w.]*)\s*
    (?: :\s*(?P<low>{_NUMBER})\s+TO\s+(?P<high>{_NUMBER})
      | (?P<operator><=|>=|!=|<|>|=)\s*(?P<number>{_NUMBER})
      | :\s*(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'|(?P<plain>[^\s()"']+)) )"""
_TOKEN = re.compile(rf"\s*(?:(?P<open>\()|(?P<close>\))|(?P<word>AND|OR|NOT)(?![\w:])|{_CONDITION})", re.VERBOSE)
_NUMERIC = re.compile(rf"\s*{_CONDITION}\s*", re.VERBOSE)
# In the oldest syntax a list is one text: commas outside brackets mean AND, commas inside brackets mean OR.
_PART = re.compile(r"\(([^()]*)\)|([^,()]+)")


class Value(Struct, frozen=True):
    """An attribute has a value or, if ``negative``, does not have it."""

    attribute: str
    value: str
    negative: bool = False


class Range(Struct, frozen=True):
    """A number is between ``low`` and ``high``, both included."""

    attribute: str
    low: float = -math.inf
    high: float = math.inf


# Conditions of which at least one must be true.
Clause = list[Value | Range]


class FilterReader:
    """Parses the filters of one request. ``prefix`` is prepended to names of parameters in errors: "requests[1]."."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix

    def read(self, facets: Conditions, numbers: Conditions, text: str) -> list[Clause]:
        """Parse facetFilters, numericFilters and filters into clauses. Raises InvalidParameters."""
        return [
            *self._read_list("facetFilters", facets, self._read_facet),
            *self._read_list("numericFilters", numbers, self._read_number),
            *self._read_text(text),
        ]

    def _read_list(self, name: str, conditions: Conditions, read: Callable[[str], Value | Range]) -> Iterator[Clause]:
        if isinstance(conditions, str):
            parts = _PART.findall(conditions)
            conditions = [alternatives.split(",") if alternatives else single for alternatives, single in parts]
        clauses = [[clause] if isinstance(clause, str) else clause for clause in conditions]
        if sum(map(len, clauses)) > MAX_CONDITIONS:
            self.refuse(name, f"at most {MAX_CONDITIONS} conditions")
        if sum(len(condition) for clause in clauses for condition in clause) > MAX_CONDITIONS_LENGTH:
            self.refuse(name, f"conditions of at most {MAX_CONDITIONS_LENGTH} characters together")
        yield from ([read(condition.strip()) for condition in clause] for clause in clauses if clause)

    def _read_facet(self, condition: str) -> Value | Range:
        attribute, colon, value = condition.partition(":")
        negative = value.startswith("-")
        # A value that itself begins with "-" is escaped with a backslash.
        value = value[1:] if negative or value.startswith("\\-") else value
        if not colon or not value.strip():
            self.refuse("facetFilters", "conditions such as topic:Energy or topic:-Energy", condition)
        return self._make_value("facetFilters", attribute, value, negative=negative)

    def _read_number(self, condition: str) -> Value | Range:
        match = _NUMERIC.fullmatch(condition)
        if match is None or match["attribute"] not in NUMBERS:
            allowed = "conditions such as source_count>=3 or published_at_timestamp:1735689600 TO 1738281600"
            self.refuse("numericFilters", allowed, condition)
        return self._make_condition("numericFilters", match)

    def _make_condition(self, name: str, match: re.Match[str]) -> Value | Range:
        attribute, operator = match["attribute"], match["operator"]
        if operator or match["low"]:
            if attribute not in NUMBERS:
                self.refuse(name, f"a comparison of {' or '.join(NUMBERS)}", match[0])
            if operator == "!=":
                self.refuse(name, "a comparison with <, <=, =, >= or >, or a range with TO", match[0])
            return _make_range(attribute, operator or "TO", match)
        quoted = match["double"] if match["double"] is not None else match["single"]
        value = match["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        return self._make_value(name, attribute, value)

    def _make_value(self, name: str, attribute: str, value: str, *, negative: bool = False) -> Value | Range:
        if attribute not in STORY_ATTRIBUTES:
            self.refuse(name, "conditions on " + ", ".join(STORY_ATTRIBUTES), f"{attribute}:{value}")
        if len(value) > MAX_VALUES_LENGTH:
            self.refuse(name, f"values of at most {MAX_VALUES_LENGTH} characters", f"{attribute}:{value}")
        if attribute not in NUMBERS:
            return Value(attribute, value, negative)
        if negative or not re.fullmatch(_NUMBER, value):
            self.refuse(name, f"a number after {attribute}:", f"{attribute}:{value}")
        return Range(attribute, float(value), float(value))

    # --- the filters parameter ---------------------------------------------------------------------------------

    def _read_text(self, text: str) -> list[Clause]:
        if not text.strip():
            return []
        tokens, position = [], 0
        while position < len(text.rstrip()):
            token = _TOKEN.match(text, position)
            if token is None:
                self.refuse(
                    "filters",
                    "conditions joined by AND or OR, such as topic:Energy AND source_count > 2",
                    text[position:],
                )
            tokens.append(token)
            position = token.end()
        if len(tokens) > MAX_CONDITIONS:
            self.refuse("filters", f"at most {MAX_CONDITIONS} conditions and operators")
        clauses = self._read_group(tokens, 0)
        if tokens:
            self.refuse("filters", "as many opening as closing brackets", tokens[0][0])
        return clauses

    def _read_group(self, tokens: list[re.Match[str]], depth: int) -> list[Clause]:
        """Parse conditions joined by one operator. Removes them from the beginning of ``tokens``."""
        operator, clauses = "", self._read_item(tokens, depth)
        while tokens and tokens[0]["word"] in ("AND", "OR"):
            word = tokens.pop(0)["word"]
            if operator not in ("", word):
                self.refuse("filters", "brackets around AND or OR where both are used together")
            operator, following = word, self._read_item(tokens, depth)
            if word == "AND":
                clauses = [*clauses, *following]
            elif len(clauses) == len(following) == 1:
                clauses = [[*clauses[0], *following[0]]]
            else:
                self.refuse("filters", "OR between conditions, not between groups that contain AND")
        return clauses

    def _read_item(self, tokens: list[re.Match[str]], depth: int) -> list[Clause]:
        if not tokens or depth > _MAX_DEPTH:
            self.refuse("filters", f"a condition on each side of an operator, at most {_MAX_DEPTH} brackets deep")
        token = tokens.pop(0)
        if token["open"]:
            clauses = self._read_group(tokens, depth + 1)
            if not tokens or not tokens.pop(0)["close"]:
                self.refuse("filters", "as many opening as closing brackets")
            return clauses
        if token["word"] == "NOT" and tokens and tokens[0]["attribute"]:
            return [[self._negate(self._make_condition("filters", tokens[0]), tokens.pop(0)[0])]]
        if not token["attribute"]:
            self.refuse("filters", "a condition on each side of AND and OR, and after NOT", token[0])
        return [[self._make_condition("filters", token)]]

    def _negate(self, condition: Value | Range, text: str) -> Value | Range:
        match condition:
            case Value(attribute, value, negative):
                return Value(attribute, value, not negative)
            case Range(attribute, low, high) if math.isinf(low):
                return Range(attribute, low=_after(high))
            case Range(attribute, low, high) if math.isinf(high):
                return Range(attribute, high=_before(low))
            case _:
                self.refuse("filters", "NOT before a value or a comparison with <, <=, >= or >", text)

    # --- from clauses to filters --------------------------------------------------------------------------------

    def combine(self, clauses: list[Clause]) -> Filters:
        """Convert clauses that must all be true to filters. Raises InvalidParameters for clauses no engine supports."""
        any_of: list[ValueFilter] = []
        none_of: dict[str, set[str]] = {}
        bounds: dict[str, Range] = {name: Range(name) for name in NUMBERS}
        for clause in clauses:
            match clause:
                case [Range(attribute, low, high)]:
                    bound = bounds[attribute]
                    bounds[attribute] = Range(attribute, max(bound.low, low), min(bound.high, high))
                case [Value(attribute, value, True)]:
                    none_of.setdefault(attribute, set()).add(value)
                case [Value(attribute), *_] if all(_is_value_of(condition, attribute) for condition in clause):
                    values = tuple(sorted(condition.value for condition in clause if isinstance(condition, Value)))
                    any_of.append(make_value_filter(attribute, ValueChoice(values, ())))
                case _:
                    self.refuse("filters", "OR only between values of one attribute, none of them excluded")
        excluded = [make_value_filter(name, ValueChoice((), tuple(values))) for name, values in none_of.items()]
        required = list(dict.fromkeys(any_of))
        if len(required) > MAX_CLAUSES:
            self.refuse("filters", f"at most {MAX_CLAUSES} values joined by AND")
        count, time = bounds[SOURCE_COUNT], bounds[TIMESTAMP]
        return Filters(
            values=(*required, *excluded),
            published_from=None if math.isinf(time.low) else _to_time(math.ceil(time.low)),
            published_before=None if math.isinf(time.high) else _to_time(math.floor(time.high) + 1),
            min_sources=None if math.isinf(count.low) else min(max(0, math.ceil(count.low)), _MAX_SOURCES),
            max_sources=None if math.isinf(count.high) else min(max(-1, math.floor(count.high)), _MAX_SOURCES),
        )

    def refuse(self, name: str, allowed: str, value: str | None = None) -> NoReturn:
        """Raise InvalidParameters that names the parameter, the beginning of its value, and what is allowed."""
        start = None if value is None else value.strip()[:100]
        raise InvalidParameters([ParameterFault(self._prefix + name, "invalid_value", start, allowed)])


def _is_value_of(condition: Value | Range, attribute: str) -> bool:
    return isinstance(condition, Value) and condition.attribute == attribute and not condition.negative


def _make_range(attribute: str, operator: str, match: re.Match[str]) -> Range:
    """All numbers of stories are whole, so ``> 2`` is the range from 3."""
    if operator == "TO":
        return Range(attribute, float(match["low"]), float(match["high"]))
    number = float(match["number"])
    match operator:
        case ">=":
            return Range(attribute, low=number)
        case ">":
            return Range(attribute, low=_after(number))
        case "<=":
            return Range(attribute, high=number)
        case "<":
            return Range(attribute, high=_before(number))
        case _:
            return Range(attribute, number, number)


def _after(number: float) -> float:
    return math.floor(number) + 1


def _before(number: float) -> float:
    return math.ceil(number) - 1


def _to_time(seconds: int) -> datetime:
    """The time ``seconds`` after 1970, limited to the range of times that a story can have."""
    low, high = int(EARLIEST.timestamp()), int(LATEST.timestamp())
    return datetime.fromtimestamp(min(max(seconds, low), high), UTC)
