"""Parsing one input line to a story, with an explanation of everything that is wrong with it.

A valid line is decoded and checked once. Only a line that was refused is walked again to find all of its faults.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import chain, islice
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Struct, UnsetType

from index.documents.json_keys import find_duplicate_keys
from index.documents.story import (
    CONTROL_CHARACTER,
    EARLIEST,
    LATEST,
    MAX_SOURCES,
    HttpUrl,
    Language,
    Position,
    Section,
    Source,
    Story,
    StoryId,
    Text,
    Time,
    Title,
)

# A line of 4 MB can have a million faults; this many are reported.
MAX_FAULTS = 100
# What each type of field allows, as an error says it.
_ALLOWED: dict[Any, str] = {
    Text: "text without control characters",
    Title: "text that is not blank, without control characters",
    StoryId: '1 to 128 of A-Z a-z 0-9 . _ ~ -, but not "." or "..", and not ending in ".jsonld"',
    Language: "a BCP 47 language tag such as en or pt-BR",
    HttpUrl: "an http or https URL of at most 4,096 characters, without blanks",
    Time: f"an RFC 3339 time with Z or an offset, from {EARLIEST.year} to {LATEST.year - 1}",
    Position: "a position in sources, from 1",
}
_decoder = msgspec.json.Decoder(Story)
# The fields that ``_check_relations`` reads, besides sources.
_RELATED_FIELDS = {
    "id": StoryId, "related": tuple[StoryId, ...], "published_at": Time, "updated_at": Time,
    "sections": tuple[Section, ...],
}  # fmt: skip
# Matches an escaped backslash, a pair of escaped surrogates, or (group 1) one surrogate without the other.
_SURROGATES = re.compile(rb"\\\\|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F]..)")
# Characters of the input, and of a pointer, that a fault quotes.
_MAX_SHOWN, _MAX_POINTER = 61, 200


# JSON pointer to the value, what is wrong with it, and what is allowed there.
StoryFault = tuple[str, str, str]


class InvalidStory(Exception):
    """A line is not a valid story. ``faults``: at most MAX_FAULTS of them; ``more``: there are others."""

    def __init__(self, faults: list[StoryFault], *, more: bool = False) -> None:
        self.faults = faults
        self.more = more
        super().__init__(faults)


def parse_story(line: bytes) -> Story:
    """Parse one JSON object to a story. Raises InvalidStory with the faults of the line."""
    try:
        story = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError, ValueError):
        raise _make_error(_explain_line(line)) from None
    duplicates = find_duplicate_keys(line, MAX_FAULTS + 1)
    first = next(faults := _check_relations(story), None)
    if first or duplicates:
        raise _make_error(chain([first] if first else [], faults, _describe_duplicates(duplicates)))
    return story


def _make_error(faults: Iterator[StoryFault]) -> InvalidStory:
    reported = list(islice(faults, MAX_FAULTS + 1))
    return InvalidStory(reported[:MAX_FAULTS], more=len(reported) > MAX_FAULTS)


def _check_relations(story: Story) -> Iterator[StoryFault]:
    """Find what types cannot express: ids that no URL can hold, citations without a source, times out of range."""
    if not _fits_url_path(story.id):
        yield _make_id_fault("/id", story.id)
    for n, ident in enumerate(story.related):
        if not _fits_url_path(ident):
            yield _make_id_fault(f"/related/{n}", ident)
    count = len(story.sources)
    for s, section in enumerate(story.sections):
        for p, paragraph in enumerate(section.paragraphs):
            for c, number in enumerate(paragraph.citations):
                if number > count:
                    pointer = f"/sections/{s}/paragraphs/{p}/citations/{c}"
                    allowed = f"1 to {count}" if count else "none: the story has no sources"
                    yield pointer, f"citation {number} points to no source", allowed
    times = [("/published_at", story.published_at), ("/updated_at", story.updated_at)]
    times += [(f"/sources/{n}/published_at", source.published_at) for n, source in enumerate(story.sources)]
    for pointer, time in times:
        if time and not EARLIEST <= time < LATEST:
            yield pointer, f"{time.isoformat()} is out of range", _ALLOWED[Time]


def _fits_url_path(ident: str) -> bool:
    """True if the id can be the last segment of a URL path.

    Clients and proxies remove the segments "." and ".." from a path (RFC 3986, 5.2.4), and the API serves the JSON-LD
    form of a story at its path with ".jsonld" appended. All other ids of the allowed characters work.

    The type StoryId still accepts these ids, so that indexes built with them can be read.
    """
    return ident not in (".", "..") and not ident.endswith(".jsonld")


def _make_id_fault(pointer: str, ident: str) -> StoryFault:
    return pointer, f'"{ident}" cannot be the last segment of a URL path', _ALLOWED[StoryId]


def _explain_line(line: bytes) -> Iterator[StoryFault]:
    """Find the faults of a line that could not be decoded to a story."""
    try:
        line.decode()
    except UnicodeDecodeError as error:
        yield "", f"byte {error.start + 1} is not UTF-8", "UTF-8 text"
        return
    try:
        value = msgspec.json.decode(line)
        duplicates = find_duplicate_keys(line, MAX_FAULTS + 1)
    except RecursionError:
        yield "", "nested too deeply", "a story, at most 4 levels deep"
        return
    except msgspec.ValidationError as error:
        yield "", f"cannot be read: {_shorten(error)}", "numbers of at most 64 bits"
        return
    except (msgspec.MsgspecError, ValueError) as error:
        half = next((match.start(1) for match in _SURROGATES.finditer(line) if match[1]), None)
        if half is None:
            yield "", f"not JSON: {_shorten(error)}", "one JSON object on each line"
        else:
            yield "", f"the escape at byte {half + 1} is half of a surrogate pair", r"both halves, such as \ud83d\ude00"
        return
    faults = chain(_check_value(value, Story, ""), _describe_duplicates(duplicates))
    if isinstance(value, dict):
        faults = chain(faults, _check_relations(_extract_valid_parts(value)))
    first = next(faults, ("", "not a story", "a story as described in docs/api.md"))
    yield from chain([first], faults)


def _describe_duplicates(paths: list[tuple[str | int, ...]]) -> Iterator[StoryFault]:
    for path in paths:
        pointer = "".join(f"/{_escape(str(step))}" for step in path)
        # Only values that are not part of a story are nested this deeply.
        shown = pointer if len(pointer) <= _MAX_POINTER else "…" + pointer[-_MAX_POINTER:]
        yield shown, "the key occurs more than once", "each key once in an object"


def _extract_valid_parts(value: dict[str, object]) -> Story:
    """The valid ones of the fields that ``_check_relations`` reads. Invalid sources count as empty ones."""
    parts: dict[str, Any] = {}
    for name, kind in _RELATED_FIELDS.items():
        with suppress(msgspec.ValidationError, OverflowError):
            if name in value:
                parts[name] = msgspec.convert(value[name], kind)
    sources: list[Source] = []
    given = value.get("sources", [])
    for source in given if isinstance(given, list) and len(given) <= MAX_SOURCES else [{}] * MAX_SOURCES:
        published = source.get("published_at", UNSET) if isinstance(source, dict) else UNSET
        try:
            sources.append(Source(published_at=published and msgspec.convert(published, Time)))
        except (msgspec.ValidationError, OverflowError):
            sources.append(Source())
    return Story(**{"id": "", "title": "", **parts}, sources=tuple(sources))


def _check_value(value: object, kind: Any, pointer: str) -> Iterator[StoryFault]:
    """Compare ``value`` with the type ``kind``, member by member, so that one fault does not hide the next."""
    bare = _strip_unset(kind)
    if isinstance(bare, type) and issubclass(bare, Struct) and isinstance(value, dict):
        yield from _check_struct(value, bare, pointer)
        return
    inner = get_args(bare)[0] if get_origin(bare) is Annotated else bare
    if get_origin(inner) is tuple and isinstance(value, list) and len(value) <= MAX_SOURCES:
        for n, item in enumerate(value):
            yield from _check_value(item, get_args(inner)[0], f"{pointer}/{n}")
        return
    try:
        msgspec.convert(value, bare)
    except (msgspec.ValidationError, OverflowError, ValueError) as error:
        problem = str(error) if "regex" not in str(error) else _describe_mismatch(str(value))
        yield pointer, problem, _ALLOWED.get(bare) or _describe_type(inner)


def _describe_mismatch(text: str) -> str:
    """Why a text does not match the pattern of its type."""
    control = re.search(CONTROL_CHARACTER, text)
    if control:
        return f"character {control.start() + 1} is the control character U+{ord(control[0]):04X}"
    return f"{_shorten(text)} is not allowed here"


def _check_struct(value: dict[str, object], kind: type[Struct], pointer: str) -> Iterator[StoryFault]:
    hints = _hints_of(kind)
    for field in msgspec.structs.fields(kind):
        if field.name in value:
            yield from _check_value(value[field.name], hints[field.name], f"{pointer}/{field.name}")
        elif field.required:
            yield f"{pointer}/{field.name}", "is missing", _ALLOWED.get(hints[field.name], "a value")
    for name in value:
        if name not in hints:
            yield f"{pointer}/{_escape(name)}", "unknown field", "one of " + ", ".join(hints)


@lru_cache(maxsize=16)
def _hints_of(kind: type[Struct]) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _strip_unset(kind: Any) -> Any:
    members = [member for member in get_args(kind) if member is not UnsetType]
    return members[0] if get_origin(kind) is not Annotated and UnsetType in get_args(kind) else kind


def _describe_type(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return f"a list of at most {MAX_SOURCES} entries"
    return "an object with " + ", ".join(_hints_of(kind)) if issubclass(kind, Struct) else kind.__name__


def _escape(key: str) -> str:
    """A key as one reference token of a JSON pointer (RFC 6901)."""
    return _shorten(key[:_MAX_SHOWN].replace("~", "~0").replace("/", "~1"))


def _shorten(value: object) -> str:
    """At most 60 characters, with control characters escaped: a terminal might obey them."""
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value)[:_MAX_SHOWN])
    text = "".join(shown)
    return text if len(text) <= 60 else text[:57] + "…"
