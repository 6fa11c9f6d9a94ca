"""Story, Source, Publisher and their parts as frozen values.

The structs are also the format of an input line: msgspec checks types, lengths and patterns in compiled code, 77 to
106 real stories a millisecond. index.documents.checks checks what types cannot express and explains the errors.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from index.documents.identity import host_of, make_slug, normalize_domain, publisher_id, source_id

# Control characters that no text may hold. Tab and line breaks are allowed: real excerpts have them.
CONTROL_CHARACTER = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
_NO_CONTROL = rf"\A[^{CONTROL_CHARACTER[1:]}*\Z"
# ">" and quotes are refused in the host only: paths of real links contain them, and all output is escaped.
_HTTP_URL = r"\A[hH][tT][tT][pP][sS]?://[^\s/?#\x00-\x20\x7f-\x9f\\<>\"]+(?:[/?#][^\s\x00-\x20\x7f-\x9f]*)?\Z"
EARLIEST, LATEST = datetime(1600, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
MAX_SOURCES = 1000
# Characters of a title that its slug is made from: the slug of a 4 MB title takes two seconds.
_MAX_SLUG_INPUT = 1000

Text = Annotated[str, Meta(pattern=_NO_CONTROL)]
Title = Annotated[str, Meta(pattern=r"\A(?=[\s\S]*\S)" + _NO_CONTROL[2:])]
StoryId = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9._~-]{1,128}\Z")]
Language = Annotated[str, Meta(pattern=r"\A[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,6}\Z")]
HttpUrl = Annotated[str, Meta(pattern=_HTTP_URL, max_length=4096)]
Time = Annotated[datetime, Meta(tz=True)]
Position = Annotated[int, Meta(ge=1, le=MAX_SOURCES)]


class Publisher(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The publisher of a source."""

    name: Text = ""
    domain: Text = ""
    logo_url: HttpUrl | UnsetType = UNSET

    @property
    def label(self) -> str:
        """The name to show: the given name, else the domain without ``www.``."""
        return self.name.strip() or normalize_domain(self.domain)

    @property
    def id(self) -> str:
        """The value of the facet ``publisher``; "" if neither name nor domain is given."""
        return publisher_id(self.label)


class Source(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An article that a story cites. Every field may be empty: some pages give only the number of sources."""

    url: HttpUrl | UnsetType = UNSET
    title: Text = ""
    publisher: Publisher | UnsetType = UNSET
    author: Text = ""
    published_at: Time | UnsetType = UNSET
    excerpt: Text = ""

    @property
    def domain(self) -> str:
        """The domain of the publisher, else the host of the URL, without ``www.``; "" if neither is known."""
        domain = normalize_domain(self.publisher.domain) if self.publisher else ""
        return domain or normalize_domain(host_of(self.url) if self.url else "")


class Paragraph(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A paragraph. ``citations``: the sources it cites, as 1-based positions in the story's ``sources``."""

    text: Text
    citations: tuple[Position, ...] = ()


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a story, with an optional heading."""

    heading: Text = ""
    paragraphs: tuple[Paragraph, ...] = ()


class Story(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A news story that cites its sources."""

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
        """The title as part of a URL: at most 80 characters of a-z, 0-9 and "-"."""
        return make_slug(self.title[:_MAX_SLUG_INPUT])[:80].rstrip("-") or "story"

    @property
    def publishers(self) -> tuple[Publisher, ...]:
        """The distinct publishers, in order of appearance."""
        publishers: dict[str, Publisher] = {}
        for source in self.sources:
            if source.publisher and (ident := source.publisher.id):
                publishers.setdefault(ident, source.publisher)
        return tuple(publishers.values())

    @property
    def body(self) -> str:
        """Headings and paragraphs, one on each line: the text of the field ``body``."""
        lines = (line for section in self.sections for line in (section.heading, *(p.text for p in section.paragraphs)))
        return "\n".join(line for line in lines if line)

    def source_ids(self) -> tuple[str, ...]:
        """The id of each source, in the order of ``sources``."""
        return tuple(
            source_id(source.url or None, self.id, position) for position, source in enumerate(self.sources, start=1)
        )
