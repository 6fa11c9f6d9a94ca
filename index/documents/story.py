"""Story, Source, Publisher and their parts as frozen values; what makes one valid; what follows from one.

The structs are the format of an input line. msgspec checks types, lengths and patterns in compiled code
(77 to 106 real stories a millisecond); ``_find_faults`` is only asked about a line that was refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, islice
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from index.documents.identity import host_of, make_slug, normalize_domain, publisher_id, source_id
from index.documents.json_keys import find_duplicate_keys

# Tab and line breaks are white space that real excerpts hold; everything else of Unicode's Cc is refused.
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
_NO_CONTROL = rf"\A[^{_CONTROL[1:]}*\Z"
# A stray ">" or quote is refused in the host only: real links end in one, and output is always escaped.
_HTTP_URL = r"\A[hH][tT][tT][pP][sS]?://[^\s/?#\x00-\x20\x7f-\x9f\\<>\"]+(?:[/?#][^\s\x00-\x20\x7f-\x9f]*)?\Z"
EARLIEST, LATEST = datetime(1600, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
MAX_SOURCES = 1000
# A line of 4 MB can have a million faults; nobody reads more than these.
MAX_FAULTS = 100
# Characters of a title that its slug is made of: those of one of 4 MB take two seconds.
_MAX_SLUGGED = 1000

Text = Annotated[str, Meta(pattern=_NO_CONTROL)]
Title = Annotated[str, Meta(pattern=r"\A(?=[\s\S]*\S)" + _NO_CONTROL[2:])]
StoryId = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9._~-]{1,128}\Z")]
Language = Annotated[str, Meta(pattern=r"\A[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,6}\Z")]
HttpUrl = Annotated[str, Meta(pattern=_HTTP_URL, max_length=4096)]
Time = Annotated[datetime, Meta(tz=True)]
Position = Annotated[int, Meta(ge=1, le=MAX_SOURCES)]

_ALLOWED: dict[Any, str] = {
    Text: "text without control characters",
    Title: "text that is not blank, without control characters",
    StoryId: '1 to 128 of A-Z a-z 0-9 . _ ~ -, but not "." or "..", and not ending in ".jsonld"',
    Language: "a BCP 47 language tag such as en or pt-BR",
    HttpUrl: "an http or https URL of at most 4,096 characters, without blanks",
    Time: f"an RFC 3339 time with Z or an offset, from {EARLIEST.year} to {LATEST.year - 1}",
    Position: "a position in sources, from 1",
}


class Publisher(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who publishes a source."""

    name: Text = ""
    domain: Text = ""
    logo_url: HttpUrl | UnsetType = UNSET

    @property
    def label(self) -> str:
        """The name as shown: the given one, or the domain without ``www.``."""
        return self.name.strip() or normalize_domain(self.domain)

    @property
    def id(self) -> str:
        """The facet value; "" where neither name nor domain is given."""
        return publisher_id(self.label)


class Source(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An article behind a story. A page may say "2 Sources" and no more: then every field is empty."""

    url: HttpUrl | UnsetType = UNSET
    title: Text = ""
    publisher: Publisher | UnsetType = UNSET
    author: Text = ""
    published_at: Time | UnsetType = UNSET
    excerpt: Text = ""

    @property
    def domain(self) -> str:
        """The publisher's domain, else the URL's host, without ``www.``; "" when neither is known."""
        said = normalize_domain(self.publisher.domain) if self.publisher else ""
        return said or normalize_domain(host_of(self.url) if self.url else "")


class Paragraph(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Text, and the 1-based positions in the story's ``sources`` that it rests on."""

    text: Text
    citations: tuple[Position, ...] = ()


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A headed part of a story."""

    heading: Text = ""
    paragraphs: tuple[Paragraph, ...] = ()


class Story(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a news desk makes of several sources."""

    id: StoryId
    title: Title
    short_title: Text = ""
    summary: Text = ""
    curated_by: Text = ""
    published_at: Time | UnsetType = UNSET
    updated_at: Time | UnsetType = UNSET
    language: Language = "en"
    topics: tuple[Text, ...] = ()
    image_url: HttpUrl | UnsetType = UNSET
    sections: tuple[Section, ...] = ()
    sources: Annotated[tuple[Source, ...], Meta(max_length=MAX_SOURCES)] = ()
    related: tuple[StoryId, ...] = ()

    @property
    def slug(self) -> str:
        return make_slug(self.title[:_MAX_SLUGGED])[:80].rstrip("-") or "story"

    @property
    def publishers(self) -> tuple[Publisher, ...]:
        """The distinct publishers, in order of appearance."""
        found: dict[str, Publisher] = {}
        for source in self.sources:
            if source.publisher and (ident := source.publisher.id):
                found.setdefault(ident, source.publisher)
        return tuple(found.values())

    @property
    def body(self) -> str:
        """Headings and paragraphs, one a line: the field ``body``."""
        lines = (line for section in self.sections for line in (section.heading, *(p.text for p in section.paragraphs)))
        return "\n".join(line for line in lines if line)

    def source_ids(self) -> tuple[str, ...]:
        """The id of each source, by position."""
        return tuple(
            source_id(source.url or None, self.id, position) for position, source in enumerate(self.sources, start=1)
        )


_decoder = msgspec.json.Decoder(Story)
# What ``_cross_faults`` looks at, besides sources.
_CHECKED_TOGETHER = {
    "id": StoryId, "related": tuple[StoryId, ...], "published_at": Time, "updated_at": Time,
    "sections": tuple[Section, ...],
}  # fmt: skip
# A pair of escaped surrogates, or in the group one without the other.
_SURROGATES = re.compile(rb"\\\\|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F]..)")
# How much of the input a fault repeats.
_MAX_SHOWN, _MAX_POINTER = 61, 200


class InvalidStory(Exception):
    """A line that is no story; ``faults`` are (JSON pointer, problem, allowed), ``more`` that these are not all."""

    def __init__(self, faults: list[tuple[str, str, str]], *, more: bool = False) -> None:
        self.faults = faults
        self.more = more
        super().__init__(faults)


def parse_story(line: bytes) -> Story:
    """One JSON object to a story. Raises InvalidStory with the faults of the line, at most MAX_FAULTS of them."""
    try:
        story = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError, ValueError):
        raise _refuse(_find_faults(line)) from None
    duplicates = find_duplicate_keys(line, MAX_FAULTS + 1)
    first = next(faults := _cross_faults(story), None)
    if first or duplicates:
        raise _refuse(chain([first] if first else [], faults, _faults_of_keys(duplicates)))
    return story


def _refuse(faults: Iterator[tuple[str, str, str]]) -> InvalidStory:
    found = list(islice(faults, MAX_FAULTS + 1))
    return InvalidStory(found[:MAX_FAULTS], more=len(found) > MAX_FAULTS)


def _cross_faults(story: Story) -> Iterator[tuple[str, str, str]]:
    """What the types do not say: ids that no URL can hold, citations that point nowhere, times out of range."""
    if not _has_address(story.id):
        yield _fault_of_id("/id", story.id)
    for n, ident in enumerate(story.related):
        if not _has_address(ident):
            yield _fault_of_id(f"/related/{n}", ident)
    count = len(story.sources)
    for s, section in enumerate(story.sections):
        for p, paragraph in enumerate(section.paragraphs):
            for c, number in enumerate(paragraph.citations):
                if number > count:
                    pointer = f"/sections/{s}/paragraphs/{p}/citations/{c}"
                    allowed = f"1 to {count}" if count else "none, for the story has no sources"
                    yield pointer, f"citation {number} points to no source", allowed
    times = [("/published_at", story.published_at), ("/updated_at", story.updated_at)]
    times += [(f"/sources/{n}/published_at", source.published_at) for n, source in enumerate(story.sources)]
    for pointer, time in times:
        if time and not EARLIEST <= time < LATEST:
            yield pointer, f"{time.isoformat()} is out of range", _ALLOWED[Time]


def _has_address(ident: str) -> bool:
    """Whether /v1/stories/{ident} is the story's own address.

    Clients and proxies remove the segments "." and ".." from a path (RFC 3986, 5.2.4), and with ".jsonld" behind an
    id the path is that of another form of the story. No other id of the allowed characters is changed on the way.

    The type StoryId allows these ids still: indexes that were built with them can be read.
    """
    return ident not in (".", "..") and not ident.endswith(".jsonld")


def _fault_of_id(pointer: str, ident: str) -> tuple[str, str, str]:
    return pointer, f'"{ident}" cannot stand at the end of a URL', _ALLOWED[StoryId]


def _find_faults(line: bytes) -> Iterator[tuple[str, str, str]]:
    """The faults of a line that was refused."""
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
            yield "", f"not JSON: {_shorten(error)}", "one JSON object a line"
        else:
            yield "", f"byte {half + 1} begins half of a surrogate pair", r"both halves, as \ud83d\ude00"
        return
    faults = chain(_faults_of(value, Story, ""), _faults_of_keys(duplicates))
    if isinstance(value, dict):
        faults = chain(faults, _cross_faults(_right_parts(value)))
    first = next(faults, ("", "not a story", "a story as in docs/api.md"))
    yield from chain([first], faults)


def _faults_of_keys(paths: list[tuple[str | int, ...]]) -> Iterator[tuple[str, str, str]]:
    for path in paths:
        pointer = "".join(f"/{_escape(str(step))}" for step in path)
        # Only what is no part of a story can be so deep.
        shown = pointer if len(pointer) <= _MAX_POINTER else "…" + pointer[-_MAX_POINTER:]
        yield shown, "the key occurs more than once", "each key once in an object"


def _right_parts(value: dict[str, object]) -> Story:
    """Of a refused line what ``_cross_faults`` looks at and is right by itself; wrong sources still count."""
    parts: dict[str, Any] = {}
    for name, kind in _CHECKED_TOGETHER.items():
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


def _faults_of(value: object, kind: Any, pointer: str) -> Iterator[tuple[str, str, str]]:
    """Walk ``value`` beside the type ``kind``, so that one fault does not hide the next."""
    bare = _without_unset(kind)
    if isinstance(bare, type) and issubclass(bare, Struct) and isinstance(value, dict):
        yield from _faults_of_struct(value, bare, pointer)
        return
    inner = get_args(bare)[0] if get_origin(bare) is Annotated else bare
    if get_origin(inner) is tuple and isinstance(value, list) and len(value) <= MAX_SOURCES:
        for n, item in enumerate(value):
            yield from _faults_of(item, get_args(inner)[0], f"{pointer}/{n}")
        return
    try:
        msgspec.convert(value, bare)
    except (msgspec.ValidationError, OverflowError, ValueError) as error:
        problem = str(error) if "regex" not in str(error) else _say_mismatch(str(value))
        yield pointer, problem, _ALLOWED.get(bare) or _describe(inner)


def _say_mismatch(text: str) -> str:
    """Why a text does not have the form that its type asks for."""
    control = re.search(_CONTROL, text)
    if control:
        return f"character {control.start() + 1} is the control character U+{ord(control[0]):04X}"
    return f"{_shorten(text)} is not allowed here"


def _faults_of_struct(value: dict[str, object], kind: type[Struct], pointer: str) -> Iterator[tuple[str, str, str]]:
    hints = _hints_of(kind)
    for field in msgspec.structs.fields(kind):
        if field.name in value:
            yield from _faults_of(value[field.name], hints[field.name], f"{pointer}/{field.name}")
        elif field.required:
            yield f"{pointer}/{field.name}", "is missing", _ALLOWED.get(hints[field.name], "a value")
    for name in value:
        if name not in hints:
            yield f"{pointer}/{_escape(name)}", "unknown field", "one of " + ", ".join(hints)


@lru_cache(maxsize=16)
def _hints_of(kind: type[Struct]) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _without_unset(kind: Any) -> Any:
    members = [member for member in get_args(kind) if member is not UnsetType]
    return members[0] if get_origin(kind) is not Annotated and UnsetType in get_args(kind) else kind


def _describe(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return f"a list, of at most {MAX_SOURCES} entries"
    return "an object with " + ", ".join(_hints_of(kind)) if issubclass(kind, Struct) else kind.__name__


def _escape(key: str) -> str:
    """A key as a step of a JSON pointer."""
    return _shorten(key[:_MAX_SHOWN].replace("~", "~0").replace("/", "~1"))


def _shorten(value: object) -> str:
    """At most 60 characters, none of which a terminal would obey."""
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value)[:_MAX_SHOWN])
    text = "".join(shown)
    return text if len(text) <= 60 else text[:57] + "…"
