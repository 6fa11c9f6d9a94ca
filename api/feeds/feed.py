"""The content of a feed, the same for Atom, RSS and JSON Feed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec.structs import replace

from api.feeds.content import write_content
from index.documents.story import Story

GENERATOR = "Outpost"
# Atom requires a time; stories without one count as the oldest.
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
# Characters of content in a feed. A hundred stories of 4 MB, the longest allowed, would fill the memory.
MAX_CONTENT = 2_000_000
# Of topics, and of related stories, in an entry.
_MAX_LINKS = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """A story in a feed. ``content`` is HTML: the full story, or only its summary if the feed would be too long."""

    story: Story
    base: str
    content: str

    @property
    def id(self) -> str:
        """A permanent id. It has no slug, because title and slug may change."""
        return f"{self.base}/v1/stories/{self.story.id}"

    @property
    def url(self) -> str:
        """The page of the story."""
        return f"{self.base}/s/{self.story.slug}-{self.story.id}"

    @property
    def updated(self) -> datetime | None:
        return self.story.updated_at or self.story.published_at or None

    @property
    def topics(self) -> list[str]:
        return [label for label in self.story.topics if label.strip()][:_MAX_LINKS]

    @property
    def related(self) -> list[str]:
        return [f"{self.base}/v1/stories/{ident}" for ident in self.story.related[:_MAX_LINKS]]


@dataclass(frozen=True, slots=True)
class Feed:
    """``links``: self, first, next and prev, by name. ``home``: the search page. ``built``: time of the index build."""

    title: str
    description: str
    home: str
    links: dict[str, str | None]
    entries: Sequence[Entry]
    built: datetime

    @property
    def language(self) -> str | None:
        """The language of the entries, None if they differ."""
        languages = {entry.story.language for entry in self.entries}
        return languages.pop() if len(languages) == 1 else None

    @property
    def updated(self) -> datetime:
        """When an entry was last changed."""
        return max(filter(None, (entry.updated for entry in self.entries)), default=self.built)


def make_entries(stories: Iterable[Story], base: str) -> list[Entry]:
    """Stories as entries, with full content until MAX_CONTENT characters are used, then with summaries."""
    entries, remaining = [], MAX_CONTENT
    for story in stories:
        content = write_content(story, MAX_CONTENT if remaining > 0 else 0)
        remaining -= len(content)
        # Sections and sources are in ``content`` already.
        entries.append(Entry(replace(story, sections=(), sources=()), base, content))
    return entries
