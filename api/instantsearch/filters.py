"""facetFilters, numericFilters and filters to the filters of a query.

All three say the same: clauses that must all hold, each of one condition or of several of which one must. What an index
can be asked is less: the conditions of a clause are values of one attribute, or one exclusion, or one range.
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
from api.request.parameters import MAX_VALUES_LENGTH, Choice
from index.documents.story import EARLIEST, LATEST
from index.query.requests import FACETS, Filters, NumberName, ValueFilter

COUNT: NumberName = "source_count"
TIME: NumberName = "published_at_timestamp"
NUMBERS = (COUNT, TIME)
STORY_ATTRIBUTES = (*FACETS, *NUMBERS)
# Each clause looks through the matches once more, 1 ms of 228,612.
MAX_CLAUSES = 20
MAX_CONDITIONS = 1000
_MAX_DEPTH = 10
# More sources than any story has.
_MOST = 10_000
_NUMBER = r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?"
_CONDITION = rf"""(?P<attribute>[A-Za-z_][\w.]*)\s*
    (?: :\s*(?P<low>{_NUMBER})\s+TO\s+(?P<high>{_NUMBER})
      | (?P<operator><=|>=|!=|<|>|=)\s*(?P<number>{_NUMBER})
      | :\s*(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'|(?P<plain>[^\s()"']+)) )"""
_TOKEN = re.compile(rf"\s*(?:(?P<open>\()|(?P<close>\))|(?P<word>AND|OR|NOT)(?![\w:])|{_CONDITION})", re.VERBOSE)
_NUMERIC = re.compile(rf"\s*{_CONDITION}\s*", re.VERBOSE)
# In the oldest form a whole filter is one text: a comma is and, brackets are or.
_PART = re.compile(r"\(([^()]*)\)|([^,()]+)")


class Value(Struct, frozen=True):
    """An attribute has a value, or has it not."""

    attribute: str
    value: str
    negative: bool = False


class Range(Struct, frozen=True):
    """A number is from ``low`` to ``high``, both included."""

    attribute: str
    low: float = -math.inf
    high: float = math.inf


Clause = list[Value | Range]


class Reader:
    """Reads the filters of one search; ``where`` is what its parameters are called by."""

    def __init__(self, where: str = "") -> None:
        self._where = where

    def read(self, facets: Conditions, numbers: Conditions, text: str) -> list[Clause]:
        """All clauses. Raises InvalidParameters."""
        return [
            *self._read_list("facetFilters", facets, self._read_facet),
            *self._read_list("numericFilters", numbers, self._read_number),
            *self._read_text(text),
        ]

    def _read_list(self, name: str, conditions: Conditions, read: Callable[[str], Value | Range]) -> Iterator[Clause]:
        if isinstance(conditions, str):
            parts = _PART.findall(conditions)
            conditions = [either.split(",") if either else one for either, one in parts]
        several = [[one] if isinstance(one, str) else one for one in conditions]
        if sum(map(len, several)) > MAX_CONDITIONS:
            self.refuse(name, f"at most {MAX_CONDITIONS} conditions")
        if sum(len(one) for clause in several for one in clause) > MAX_CONDITIONS_LENGTH:
            self.refuse(name, f"conditions of at most {MAX_CONDITIONS_LENGTH} characters together")
        yield from ([read(one.strip()) for one in clause] for clause in several if clause)

    def _read_facet(self, condition: str) -> Value | Range:
        attribute, colon, value = condition.partition(":")
        negative = value.startswith("-")
        # A value that begins with "-" itself comes with a backslash before it.
        value = value[1:] if negative or value.startswith("\\-") else value
        if not colon or not value.strip():
            self.refuse("facetFilters", "conditions like topic:Energy or topic:-Energy", condition)
        return self._make_value("facetFilters", attribute, value, negative=negative)

    def _read_number(self, condition: str) -> Value | Range:
        found = _NUMERIC.fullmatch(condition)
        if found is None or found["attribute"] not in NUMBERS:
            shown = "conditions like source_count>=3 or published_at_timestamp:1735689600 TO 1738281600"
            self.refuse("numericFilters", shown, condition)
        return self._make_condition("numericFilters", found)

    def _make_condition(self, name: str, found: re.Match[str]) -> Value | Range:
        attribute, operator = found["attribute"], found["operator"]
        if operator or found["low"]:
            if attribute not in NUMBERS:
                self.refuse(name, f"a comparison of {' or '.join(NUMBERS)}", found[0])
            if operator == "!=":
                self.refuse(name, "a comparison with <, <=, =, >= or >, or a range with TO", found[0])
            return _make_range(attribute, operator or "TO", found)
        quoted = found["double"] if found["double"] is not None else found["single"]
        value = found["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
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

    # --- filters, in words ---------------------------------------------------------------------------------

    def _read_text(self, text: str) -> list[Clause]:
        if not text.strip():
            return []
        tokens, at = [], 0
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            if found is None:
                self.refuse(
                    "filters", "conditions joined by AND and OR, as topic:Energy AND source_count > 2", text[at:]
                )
            tokens.append(found)
            at = found.end()
        if len(tokens) > MAX_CONDITIONS:
            self.refuse("filters", f"at most {MAX_CONDITIONS} conditions and operators")
        clauses = self._read_group(tokens, 0)
        if tokens:
            self.refuse("filters", "as many brackets that open as close", tokens[0][0])
        return clauses

    def _read_group(self, tokens: list[re.Match[str]], depth: int) -> list[Clause]:
        """Conditions with one operator between them; takes them from the beginning of ``tokens``."""
        operator, clauses = "", self._read_item(tokens, depth)
        while tokens and tokens[0]["word"] in ("AND", "OR"):
            word = tokens.pop(0)["word"]
            if operator not in ("", word):
                self.refuse("filters", "brackets around one of AND and OR where both stand side by side")
            operator, more = word, self._read_item(tokens, depth)
            if word == "AND":
                clauses = [*clauses, *more]
            elif len(clauses) == len(more) == 1:
                clauses = [[*clauses[0], *more[0]]]
            else:
                self.refuse("filters", "OR between conditions, not between groups that hold an AND")
        return clauses

    def _read_item(self, tokens: list[re.Match[str]], depth: int) -> list[Clause]:
        if not tokens or depth > _MAX_DEPTH:
            self.refuse("filters", f"a condition on each side of an operator, in at most {_MAX_DEPTH} brackets")
        token = tokens.pop(0)
        if token["open"]:
            clauses = self._read_group(tokens, depth + 1)
            if not tokens or not tokens.pop(0)["close"]:
                self.refuse("filters", "as many brackets that open as close")
            return clauses
        if token["word"] == "NOT" and tokens and tokens[0]["attribute"]:
            return [[self._negate(self._make_condition("filters", tokens[0]), tokens.pop(0)[0])]]
        if not token["attribute"]:
            self.refuse("filters", "a condition on each side of AND and OR, and after NOT", token[0])
        return [[self._make_condition("filters", token)]]

    def _negate(self, condition: Value | Range, shown: str) -> Value | Range:
        match condition:
            case Value(attribute, value, negative):
                return Value(attribute, value, not negative)
            case Range(attribute, low, high) if math.isinf(low):
                return Range(attribute, low=_after(high))
            case Range(attribute, low, high) if math.isinf(high):
                return Range(attribute, high=_before(low))
            case _:
                self.refuse("filters", "NOT before a value or a comparison with <, <=, >= or >", shown)

    # --- clauses to filters --------------------------------------------------------------------------------

    def combine(self, clauses: list[Clause]) -> Filters:
        """The filters in which each clause holds. Raises InvalidParameters for what cannot be asked."""
        any_of: list[ValueFilter] = []
        none_of: dict[str, set[str]] = {}
        bounds: dict[str, Range] = {name: Range(name) for name in NUMBERS}
        for clause in clauses:
            match clause:
                case [Range(attribute, low, high)]:
                    last = bounds[attribute]
                    bounds[attribute] = Range(attribute, max(last.low, low), min(last.high, high))
                case [Value(attribute, value, True)]:
                    none_of.setdefault(attribute, set()).add(value)
                case [Value(attribute), *_] if all(_is_value_of(one, attribute) for one in clause):
                    values = tuple(sorted(one.value for one in clause if isinstance(one, Value)))
                    any_of.append(make_value_filter(attribute, Choice(values, ())))
                case _:
                    self.refuse("filters", "or between values of one attribute, none of them excluded")
        excluded = [make_value_filter(name, Choice((), tuple(values))) for name, values in none_of.items()]
        chosen = list(dict.fromkeys(any_of))
        if len(chosen) > MAX_CLAUSES:
            self.refuse("filters", f"at most {MAX_CLAUSES} conditions on values that must all hold")
        count, time = bounds[COUNT], bounds[TIME]
        return Filters(
            values=(*chosen, *excluded),
            published_from=None if math.isinf(time.low) else _to_time(math.ceil(time.low)),
            published_before=None if math.isinf(time.high) else _to_time(math.floor(time.high) + 1),
            min_sources=None if math.isinf(count.low) else min(max(0, math.ceil(count.low)), _MOST),
            max_sources=None if math.isinf(count.high) else min(max(-1, math.floor(count.high)), _MOST),
        )

    def refuse(self, name: str, allowed: str, value: str | None = None) -> NoReturn:
        shown = None if value is None else value.strip()[:100]
        raise InvalidParameters([ParameterFault(self._where + name, "invalid_value", shown, allowed)])


def _is_value_of(condition: Value | Range, attribute: str) -> bool:
    return isinstance(condition, Value) and condition.attribute == attribute and not condition.negative


def _make_range(attribute: str, operator: str, found: re.Match[str]) -> Range:
    """Numbers of stories are whole: ``> 2`` is from 3 on."""
    if operator == "TO":
        return Range(attribute, float(found["low"]), float(found["high"]))
    number = float(found["number"])
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
    """Within the range that stories' times are in."""
    low, high = int(EARLIEST.timestamp()), int(LATEST.timestamp())
    return datetime.fromtimestamp(min(max(seconds, low), high), UTC)
