"""Story, Source, Publisher and their parts as frozen values; what makes one valid; what follows from one.

The structs are the format of an input line. msgspec checks types, lengths and patterns in compiled code
(77 to 106 real stories a millisecond); ``_find_faults`` is only asked about a line that was refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from index.identity import host_of, normalize_domain, publisher_id, slug_of, source_id

# Tab and line breaks are white space that real excerpts hold; everything else of Unicode's Cc is refused.
_NO_CONTROL = r"\A[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*\Z"
# A stray ">" or quote is refused in the host only: real links end in one, and output is always escaped.
_HTTP_URL = r"\A[hH][tT][tT][pP][sS]?://[^\s/?#\x00-\x20\x7f-\x9f\\<>\"]+(?:[/?#][^\s\x00-\x20\x7f-\x9f]*)?\Z"
EARLIEST, LATEST = datetime(1600, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
MAX_SOURCES = 1000
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
    StoryId: "1 to 128 of A-Z a-z 0-9 . _ ~ -",
    Language: "a BCP 47 language tag such as en or pt-BR",
    HttpUrl: "an http or https URL of at most 4,096 characters, without blanks",
    Time: f"an RFC 3339 time with Z or an offset, from {EARLIEST.year} to {LATEST.year - 1}",
    Position: "a position in sources, from 1",
}


class Publisher(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
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


class Source(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
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


class Paragraph(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Text, and the 1-based positions in the story's ``sources`` that it rests on."""

    text: Text
    citations: tuple[Position, ...] = ()


class Section(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A headed part of a story."""

    heading: Text = ""
    paragraphs: tuple[Paragraph, ...] = ()


class Story(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
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
        return slug_of(self.title[:_MAX_SLUGGED])[:80].rstrip("-") or "story"

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


class Refused(Exception):
    """A line that is no story; ``faults`` are (JSON pointer, problem, allowed)."""

    def __init__(self, faults: list[tuple[str, str, str]]) -> None:
        self.faults = faults
        super().__init__(faults)


def parse_story(line: bytes) -> Story:
    """One JSON object to a story. Raises Refused with every fault of the line."""
    try:
        story = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError, ValueError):
        raise Refused(_find_faults(line)) from None
    faults = list(_cross_faults(story))
    if faults:
        raise Refused(faults)
    return story


def _cross_faults(story: Story) -> Iterator[tuple[str, str, str]]:
    """What no single field can tell: citations that point nowhere, times out of range."""
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


def _find_faults(line: bytes) -> list[tuple[str, str, str]]:
    """Every fault of a line that the decoder refused."""
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return [("", f"byte {error.start + 1} is not UTF-8", "UTF-8 text")]
    try:
        value = msgspec.json.decode(line)
    except RecursionError:
        return [("", "nested too deeply", "a story, at most 4 levels deep")]
    except (msgspec.MsgspecError, ValueError) as error:
        return [("", f"not JSON: {error}", "one JSON object a line")]
    faults = list(_faults_of(value, Story, ""))
    if isinstance(value, dict):
        faults += _cross_faults(_right_parts(value))
    return faults or [("", "not a story", "a story as in docs/api.md")]


def _right_parts(value: dict[str, object]) -> Story:
    """Of a refused line what ``_cross_faults`` looks at and is right by itself; wrong sources still count."""
    parts: dict[str, Any] = {}
    for name, kind in (("published_at", Time), ("updated_at", Time), ("sections", tuple[Section, ...])):
        with suppress(msgspec.ValidationError, OverflowError):
            if name in value:
                parts[name] = msgspec.convert(value[name], kind)
    sources: list[Source] = []
    given = value.get("sources", [])
    for source in given if isinstance(given, list) else [{}] * MAX_SOURCES:
        published = source.get("published_at", UNSET) if isinstance(source, dict) else UNSET
        try:
            sources.append(Source(published_at=published and msgspec.convert(published, Time)))
        except (msgspec.ValidationError, OverflowError):
            sources.append(Source())
    return Story(id="", title="", sources=tuple(sources), **parts)


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
        problem = str(error) if "regex" not in str(error) else f"{_shorten(value)} is not allowed here"
        yield pointer, problem, _ALLOWED.get(bare) or _describe(inner)


def _faults_of_struct(value: dict[str, object], kind: type[Struct], pointer: str) -> Iterator[tuple[str, str, str]]:
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        if field.name in value:
            yield from _faults_of(value[field.name], hints[field.name], f"{pointer}/{field.name}")
        elif field.required:
            yield f"{pointer}/{field.name}", "is missing", _ALLOWED.get(hints[field.name], "a value")
    for name in value.keys() - hints.keys():
        escaped = name.replace("~", "~0").replace("/", "~1")
        yield f"{pointer}/{_shorten(escaped)}", "unknown field", "one of " + ", ".join(hints)


def _without_unset(kind: Any) -> Any:
    members = [member for member in get_args(kind) if member is not UnsetType]
    return members[0] if get_origin(kind) is not Annotated and UnsetType in get_args(kind) else kind


def _describe(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return f"a list, of at most {MAX_SOURCES} entries"
    return "an object with " + ", ".join(get_type_hints(kind)) if issubclass(kind, Struct) else kind.__name__


def _shorten(value: object) -> str:
    text = re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda m: f"\\u{ord(m[0]):04x}", str(value))
    return text if len(text) <= 60 else text[:57] + "…"
