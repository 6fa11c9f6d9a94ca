"""Kinds of parameters: marshmallow fields that read the text of a URL strictly and say what they allow."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple, NoReturn

from flask import Request, request
from marshmallow import RAISE, Schema, ValidationError, fields
from webargs.flaskparser import FlaskParser

from api.errors import InvalidParameters, ParameterFault
from index.caching import MAX_KEY, Budget, Cache
from index.documents.story import EARLIEST, LATEST
from index.near_names import find_similar_names

# Longer lists are no filter a person makes.
MAX_VALUES_LENGTH = 2000
MAX_URL_LENGTH = 2000
# Thousands fit into one URL; nobody reads on after these.
MAX_FAULTS = 100
# A hint costs up to 10 µs, and whoever has more faults than these knows no parameter at all.
MAX_HINTS = 10
# Arguments by query string: 8 MB are about 2,500 of them. Longer strings are seldom sent twice.
ARGUMENTS = Budget(8 << 20)
MAX_CACHED_LENGTH = 500


class Choice(NamedTuple):
    """``a,b,-c``: one of a and b, and not c."""

    any_of: tuple[str, ...]
    none_of: tuple[str, ...]


class Parameter(fields.Field[Any]):
    """A field with a sentence for what it allows, and its OpenAPI schema."""

    def __init__(self, description: str, allowed: str, schema: Mapping[str, object], **kwargs: Any) -> None:
        self.allowed = allowed
        super().__init__(metadata={"description": description, **schema}, **kwargs)

    def refuse(self, code: str = "invalid_value") -> NoReturn:
        raise ValidationError(code)


class Text(Parameter):
    """Any text up to a length."""

    def __init__(self, description: str, max_length: int, **kwargs: Any) -> None:
        self.max_length = max_length
        schema = {"type": "string", "maxLength": max_length}
        super().__init__(description, f"text of at most {max_length} characters", schema, **kwargs)
        self.error_messages["required"] = "missing"

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> str:
        return value if len(value) <= self.max_length else self.refuse("too_long")


class Address(Parameter):
    """An http or https URL."""

    def __init__(self, description: str, **kwargs: Any) -> None:
        schema = {"type": "string", "maxLength": MAX_URL_LENGTH, "pattern": "^[hH][tT][tT][pP][sS]?://[^/?#]"}
        allowed = f"an http or https URL of at most {MAX_URL_LENGTH} characters"
        super().__init__(description, allowed, schema, **kwargs)
        self.error_messages["required"] = "missing"

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> str:
        return value if len(value) <= MAX_URL_LENGTH and re.match("(?i)https?://[^/?#]", value) else self.refuse()


class Whole(Parameter):
    """A whole number in a range, in plain digits: no sign, blank, underscore or other script's digits."""

    def __init__(self, description: str, low: int, high: int, **kwargs: Any) -> None:
        self.low, self.high = low, high
        schema = {"type": "integer", "minimum": low, "maximum": high}
        super().__init__(description, f"{low}..{high}", schema, **kwargs)

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not re.fullmatch(r"-?[0-9]{1,12}", value):
            self.refuse()
        number = int(value)
        return number if self.low <= number <= self.high and value[0] != "-" else self.refuse("out_of_range")


class Share(Parameter):
    """A number from 0 to 1, as JSON writes numbers."""

    def __init__(self, description: str, **kwargs: Any) -> None:
        super().__init__(description, "0..1", {"type": "number", "minimum": 0, "maximum": 1}, **kwargs)

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> float:
        if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", value):
            self.refuse()
        return float(value) if float(value) <= 1 else self.refuse("out_of_range")


class OneOf(Parameter):
    """One of a few words."""

    def __init__(self, description: str, words: tuple[str, ...], **kwargs: Any) -> None:
        self.words = words
        super().__init__(description, ", ".join(words), {"type": "string", "enum": list(words)}, **kwargs)

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> str:
        return value if value in self.words else self.refuse()


class Switch(OneOf):
    """``true`` or ``false``."""

    def __init__(self, description: str, **kwargs: Any) -> None:
        super().__init__(description, ("true", "false"), **kwargs)
        self.metadata = {"description": description, "type": "boolean"}

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> bool:  # type: ignore[override]
        return super()._deserialize(value, attr, data, **kwargs) == "true"


class SomeOf(Parameter):
    """A comma list of a few words, each once."""

    def __init__(self, description: str, words: tuple[str, ...], **kwargs: Any) -> None:
        self.words = words
        either = "|".join(words)
        schema = {"type": "string", "pattern": f"^({either})(,({either}))*$", "maxLength": 500}
        if "load_default" in kwargs:
            schema["default"] = ",".join(kwargs["load_default"])
        super().__init__(description, "a comma list of " + ", ".join(words), schema, **kwargs)

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        chosen = tuple(dict.fromkeys(value.split(",")))
        return chosen if len(value) <= 500 and set(chosen) <= set(self.words) else self.refuse()


class Values(Parameter):
    """``a,b,-c``: ids or labels, comma for or, a leading minus to exclude."""

    def __init__(self, description: str) -> None:
        schema = {"type": "string", "maxLength": MAX_VALUES_LENGTH}
        allowed = f"a comma list of at most {MAX_VALUES_LENGTH} characters"
        super().__init__(description + "; comma = or, leading - = not; id or label", allowed, schema)

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> Choice:
        if len(value) > MAX_VALUES_LENGTH:
            self.refuse("too_long")
        parts = [part.strip() for part in value.split(",") if part.strip(" -")]
        any_of = {part for part in parts if not part.startswith("-")}
        none_of = {part[1:].strip() for part in parts if part.startswith("-")}
        return Choice(tuple(sorted(any_of)), tuple(sorted(none_of)))


# The document and the check are one pattern, leap years included: what it lets through is a time, and nothing else is.
_LEAP = "((1[6-9]|2[01])(0[48]|[2468][048]|[13579][26])|1600|2000)"
_DAY = (
    "((1[6-9]|2[01])[0-9]{2}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
    f"|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|{_LEAP}-02-29)"
)
_CLOCK = r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])"
_AGO = "now(-([0-9]{1,4}[mhdw]|[0-9]{1,2}y))?"
_MOMENT = f"({_DAY}({_CLOCK})?|{_AGO})"
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_UNITS |= {"w": timedelta(weeks=1), "y": timedelta(days=365)}


class Moment(Parameter):
    """A day, a time with an offset, or ``now-7d``; to UTC. As an upper bound a day includes itself."""

    def __init__(self, description: str, *, upper: bool = False, **kwargs: Any) -> None:
        self.upper = upper
        schema = {"type": "string", "pattern": f"^{_MOMENT}$"}
        allowed = "a day (2025-01-31), a time (2025-01-31T09:00:00Z) or an age (now-7d; units m h d w y)"
        super().__init__(description, allowed, schema, **kwargs)

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        if not re.fullmatch(_MOMENT, value):
            self.refuse()
        if value.startswith("now"):
            # To the full minute, so that a page and its ETag stay the same for as long.
            now = datetime.now(UTC).replace(second=0, microsecond=0)
            age = int(value[4:-1]) * _UNITS[value[-1]] if value != "now" else timedelta()
            return now - age + timedelta(minutes=self.upper)
        moment = datetime.fromisoformat(value)
        if len(value) == 10:
            moment = datetime.combine(moment, time(), UTC) + timedelta(days=self.upper)
        elif self.upper:
            # The engine's bound is exclusive, this one is not.
            moment += timedelta(microseconds=1)
        # An offset may lead a few hours out of the range that stories' times are in.
        return min(max(moment.astimezone(UTC), EARLIEST), LATEST)


class Arguments(dict[str, Any]):
    """Parsed parameters. Requests share them: nobody changes one. ``text`` is the same for all that ask the same."""

    __slots__ = ("text",)

    def __init__(self, parsed: Mapping[str, Any]) -> None:
        super().__init__(parsed)
        self.text = repr(sorted(self.items()))

    def __sizeof__(self) -> int:
        return super().__sizeof__() + sys.getsizeof(self.text)


class QueryParser(FlaskParser):
    """Refuses what marshmallow and webargs would pass over in silence, and tells every fault at once."""

    DEFAULT_VALIDATION_STATUS = 400
    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self._cache: Cache[tuple[Schema, bytes], Arguments] = Cache(ARGUMENTS, MAX_CACHED_LENGTH)

    def read(self, schema: Schema) -> Arguments:
        """The arguments of the current request. Raises InvalidParameters.

        A string that was read before is not read again: 1 µs in place of 110. What depends on the time is always read.
        """
        key = (schema, request.query_string)
        known = self._cache.get(key)
        if known is not None:
            return known
        arguments = Arguments(self.parse(schema, location="query"))
        if not _depends_on_time(schema) and not _has_long_value():
            self._cache.add(key, arguments)
        return arguments

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        repeated = [
            ParameterFault(name[:100], "repeated_parameter", None, "once", "use commas for or")
            for name, values in request.args.lists()
            if len(values) > 1
        ]
        try:
            parsed = super().parse(*args, **kwargs)
        except InvalidParameters as error:
            raise InvalidParameters((repeated + error.faults)[:MAX_FAULTS]) from None
        if repeated:
            raise InvalidParameters(repeated[:MAX_FAULTS])
        return parsed

    def load_querystring(self, req: Request, schema: Schema) -> dict[str, str]:
        """A plain dict: webargs' own wrapper makes an exception for each parameter that was not sent, 50 µs in all."""
        return req.args.to_dict()

    def handle_error(self, error: ValidationError, req: Request, schema: Schema, **kwargs: Any) -> NoReturn:
        known = {field.data_key or name: field for name, field in schema.fields.items()}
        messages: dict[str, list[str]] = error.messages["query"]  # type: ignore[call-overload]
        # marshmallow tells unknown ones in no order, and late; whoever reads finds them as they were sent.
        names = [name for name in req.args if name in messages]
        names += [name for name in messages if name not in req.args]
        faults: list[ParameterFault] = []
        for name in names[:MAX_FAULTS]:
            faults.append(_fault_of(name, messages[name], req, known, len(faults)))
        raise InvalidParameters(faults)


def _has_long_value() -> bool:
    return any(len(value) > MAX_KEY for value in request.args.values())


def _depends_on_time(schema: Schema) -> bool:
    """Whether a parameter of the request is ``now`` or counts from it."""
    moments = (field.data_key or name for name, field in schema.fields.items() if isinstance(field, Moment))
    return any(request.args.get(name, "").startswith("now") for name in moments)


def find_hint(name: str, known: Iterable[str], faults: int) -> str | None:
    """What may be meant by an unknown name; none is looked for after so many other ``faults``."""
    near = find_similar_names(name, known, 1) if faults < MAX_HINTS else []
    return f"did you mean {near[0]}?" if near else None


def _fault_of(
    name: str, codes: list[str], req: Request, known: Mapping[str, fields.Field[Any]], faults: int
) -> ParameterFault:
    value = req.args.get(name, "")[:100]
    field = known.get(name)
    if field is None:
        hint = find_hint(name, known, faults)
        return ParameterFault(name[:100], "unknown_parameter", value, ", ".join(known) or "no parameters", hint)
    if codes[0] == "page_window_exceeded":
        return ParameterFault(
            name, codes[0], value, "page × per_page up to 10000", "read on with cursor, from next_cursor of an answer"
        )
    return ParameterFault(name, codes[0], value, getattr(field, "allowed", None))
