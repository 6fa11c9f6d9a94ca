"""Marshmallow fields for query parameters, which parse strictly, and the parser that reports all errors at once."""

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

# Characters of a comma list; real filters are much shorter.
MAX_VALUES_LENGTH = 2000
MAX_URL_LENGTH = 2000
# Errors that one answer reports; a URL has room for thousands.
MAX_FAULTS = 100
# Errors of one answer that may have a hint ("did you mean …"), each of which takes up to 10 µs.
MAX_HINTS = 10
# Cache of parsed arguments by query string: 8 MB hold about 2,500. Longer strings rarely occur twice.
ARGUMENTS = Budget(8 << 20)
MAX_CACHED_LENGTH = 500


class ValueChoice(NamedTuple):
    """Parsed ``a,b,-c``: a or b, and not c."""

    any_of: tuple[str, ...]
    none_of: tuple[str, ...]


class ParameterField(fields.Field[Any]):
    """A field with an OpenAPI schema; ``allowed`` describes the valid values in error texts ("must be …")."""

    def __init__(self, description: str, allowed: str, schema: Mapping[str, object], **kwargs: Any) -> None:
        self.allowed = allowed
        super().__init__(metadata={"description": description, **schema}, **kwargs)

    def refuse(self, code: str = "invalid_value") -> NoReturn:
        """Raise ValidationError with the code of a fault."""
        raise ValidationError(code)


class StringField(ParameterField):
    """Any text of at most ``max_length`` characters."""

    def __init__(self, description: str, max_length: int, **kwargs: Any) -> None:
        self.max_length = max_length
        schema = {"type": "string", "maxLength": max_length}
        super().__init__(description, f"text of at most {max_length} characters", schema, **kwargs)
        self.error_messages["required"] = "missing"

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> str:
        return value if len(value) <= self.max_length else self.refuse("too_long")


class UrlField(ParameterField):
    """An http or https URL."""

    def __init__(self, description: str, **kwargs: Any) -> None:
        schema = {"type": "string", "maxLength": MAX_URL_LENGTH, "pattern": "^[hH][tT][tT][pP][sS]?://[^/?#]"}
        allowed = f"an http or https URL of at most {MAX_URL_LENGTH} characters"
        super().__init__(description, allowed, schema, **kwargs)
        self.error_messages["required"] = "missing"

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> str:
        return value if len(value) <= MAX_URL_LENGTH and re.match("(?i)https?://[^/?#]", value) else self.refuse()


class IntegerField(ParameterField):
    """An integer from ``low`` to ``high``, in ASCII digits only. A minus sign gives out_of_range, not invalid_value."""

    def __init__(self, description: str, low: int, high: int, **kwargs: Any) -> None:
        self.low, self.high = low, high
        schema = {"type": "integer", "minimum": low, "maximum": high}
        super().__init__(description, f"{low}..{high}", schema, **kwargs)

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not re.fullmatch(r"-?[0-9]{1,12}", value):
            self.refuse()
        number = int(value)
        return number if self.low <= number <= self.high and value[0] != "-" else self.refuse("out_of_range")


class FractionField(ParameterField):
    """A number from 0 to 1, in the syntax of JSON."""

    def __init__(self, description: str, **kwargs: Any) -> None:
        super().__init__(description, "0..1", {"type": "number", "minimum": 0, "maximum": 1}, **kwargs)

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> float:
        if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", value):
            self.refuse()
        return float(value) if float(value) <= 1 else self.refuse("out_of_range")


class EnumField(ParameterField):
    """One of the given words."""

    def __init__(self, description: str, words: tuple[str, ...], **kwargs: Any) -> None:
        self.words = words
        super().__init__(description, "one of " + ", ".join(words), {"type": "string", "enum": list(words)}, **kwargs)

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> str:
        return value if value in self.words else self.refuse()


class BooleanField(EnumField):
    """``true`` or ``false``."""

    def __init__(self, description: str, **kwargs: Any) -> None:
        super().__init__(description, ("true", "false"), **kwargs)
        self.metadata = {"description": description, "type": "boolean"}

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> bool:  # type: ignore[override]
        return super()._deserialize(value, attr, data, **kwargs) == "true"


class EnumListField(ParameterField):
    """A comma-separated list of the given words; duplicates are dropped."""

    def __init__(self, description: str, words: tuple[str, ...], **kwargs: Any) -> None:
        self.words = words
        either = "|".join(words)
        schema = {"type": "string", "pattern": f"^({either})(,({either}))*$", "maxLength": 500}
        if "load_default" in kwargs:
            schema["default"] = ",".join(kwargs["load_default"])
        super().__init__(description, "a comma-separated list of " + ", ".join(words), schema, **kwargs)

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        chosen = tuple(dict.fromkeys(value.split(",")))
        return chosen if len(value) <= 500 and set(chosen) <= set(self.words) else self.refuse()


class ValuesField(ParameterField):
    """Ids or labels of a facet, ``a,b,-c``: comma means or, a leading minus excludes the value."""

    def __init__(self, description: str) -> None:
        schema = {"type": "string", "maxLength": MAX_VALUES_LENGTH}
        allowed = f"a comma-separated list of at most {MAX_VALUES_LENGTH} characters"
        super().__init__(description + "; comma = or, leading - = not; id or label", allowed, schema)

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> ValueChoice:
        if len(value) > MAX_VALUES_LENGTH:
            self.refuse("too_long")
        parts = [part.strip() for part in value.split(",") if part.strip(" -")]
        any_of = {part for part in parts if not part.startswith("-")}
        none_of = {part[1:].strip() for part in parts if part.startswith("-")}
        return ValueChoice(tuple(sorted(any_of)), tuple(sorted(none_of)))


# Pattern of the check and of the OpenAPI document. Matches valid dates only, with the leap years from 1600 to 2199.
_LEAP = "((1[6-9]|2[01])(0[48]|[2468][048]|[13579][26])|1600|2000)"
_DAY = (
    "((1[6-9]|2[01])[0-9]{2}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
    f"|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|{_LEAP}-02-29)"
)
_CLOCK = r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])"
_AGO = "now(-([0-9]{1,4}[mhdw]|[0-9]{1,2}y))?"
_TIME_PATTERN = f"({_DAY}({_CLOCK})?|{_AGO})"
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_UNITS |= {"w": timedelta(weeks=1), "y": timedelta(days=365)}


class TimeField(ParameterField):
    """A day, a time with an offset, or ``now-7d``, converted to UTC.

    With ``upper``, the result is an exclusive bound after the given day or time.
    """

    def __init__(self, description: str, *, upper: bool = False, **kwargs: Any) -> None:
        self.upper = upper
        schema = {"type": "string", "pattern": f"^{_TIME_PATTERN}$"}
        allowed = "a day (2025-01-31), a time (2025-01-31T09:00:00Z) or a relative time (now-7d; units m h d w y)"
        super().__init__(description, allowed, schema, **kwargs)

    def _deserialize(self, value: str, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        if not re.fullmatch(_TIME_PATTERN, value):
            self.refuse()
        if value.startswith("now"):
            # Rounded down to the minute, so that the answer and its ETag stay the same for a minute.
            now = datetime.now(UTC).replace(second=0, microsecond=0)
            age = int(value[4:-1]) * _UNITS[value[-1]] if value != "now" else timedelta()
            return now - age + timedelta(minutes=self.upper)
        moment = datetime.fromisoformat(value)
        if len(value) == 10:
            moment = datetime.combine(moment, time(), UTC) + timedelta(days=self.upper)
        elif self.upper:
            # The engine's upper bound is exclusive.
            moment += timedelta(microseconds=1)
        # The offset may shift the time out of the range of story times by some hours.
        return min(max(moment.astimezone(UTC), EARLIEST), LATEST)


class Arguments(dict[str, Any]):
    """Parsed parameters by name. Requests share an instance, so it must not be changed.

    ``text`` is the canonical form: equal for equal parameters.
    """

    __slots__ = ("text",)

    def __init__(self, parsed: Mapping[str, Any]) -> None:
        super().__init__(parsed)
        self.text = repr(sorted(self.items()))

    def __sizeof__(self) -> int:
        return super().__sizeof__() + sys.getsizeof(self.text)


class QueryParser(FlaskParser):
    """Also refuses repeated and unknown parameters, and reports all errors of a request at once."""

    DEFAULT_VALIDATION_STATUS = 400
    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self._cache: Cache[tuple[Schema, bytes], Arguments] = Cache(ARGUMENTS, MAX_CACHED_LENGTH)

    def read(self, schema: Schema) -> Arguments:
        """The arguments of the current request. Raises InvalidParameters.

        Arguments are cached by query string (1 µs instead of 110), unless they depend on the current time.
        """
        key = (schema, request.query_string)
        cached = self._cache.get(key)
        if cached is not None:
            return cached
        arguments = Arguments(self.parse(schema, location="query"))
        if not _depends_on_time(schema) and not _has_long_value():
            self._cache.add(key, arguments)
        return arguments

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        repeated = [
            ParameterFault(name[:100], "repeated_parameter", None, "once", "separate several values by commas")
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
        """A plain dict: webargs' own wrapper raises an exception for each missing parameter, 50 µs in all."""
        return req.args.to_dict()

    def handle_error(self, error: ValidationError, req: Request, schema: Schema, **kwargs: Any) -> NoReturn:
        known = {field.data_key or name: field for name, field in schema.fields.items()}
        messages: dict[str, list[str]] = error.messages["query"]  # type: ignore[call-overload]
        # marshmallow reports unknown parameters last and in no order; the answer lists errors in the order of the URL.
        names = [name for name in req.args if name in messages]
        names += [name for name in messages if name not in req.args]
        faults: list[ParameterFault] = []
        for name in names[:MAX_FAULTS]:
            faults.append(_make_fault(name, messages[name], req, known, len(faults)))
        raise InvalidParameters(faults)


def _has_long_value() -> bool:
    return any(len(value) > MAX_KEY for value in request.args.values())


def _depends_on_time(schema: Schema) -> bool:
    """Whether a time parameter of the request is relative to ``now``."""
    names = (field.data_key or name for name, field in schema.fields.items() if isinstance(field, TimeField))
    return any(request.args.get(name, "").startswith("now") for name in names)


def find_hint(name: str, known: Iterable[str], faults: int) -> str | None:
    """A suggestion for an unknown name, or None; None also if MAX_HINTS ``faults`` came before."""
    near = find_similar_names(name, known, 1) if faults < MAX_HINTS else []
    return f"did you mean {near[0]}?" if near else None


def _make_fault(
    name: str, codes: list[str], req: Request, known: Mapping[str, fields.Field[Any]], faults: int
) -> ParameterFault:
    value = req.args.get(name, "")[:100]
    field = known.get(name)
    if field is None:
        hint = find_hint(name, known, faults)
        return ParameterFault(name[:100], "unknown_parameter", value, ", ".join(known) or "no parameters", hint)
    if codes[0] == "page_window_exceeded":
        return ParameterFault(
            name,
            codes[0],
            value,
            "at most 10000 / per_page",
            "use cursor with next_cursor of an answer to read further results",
        )
    return ParameterFault(name, codes[0], value, getattr(field, "allowed", None))
