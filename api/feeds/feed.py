"""What a feed says, whatever its form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec.structs import replace

from api.feeds.content import write_content
from index.documents.story import Story

GENERATOR = "Outpost"
# An Atom entry must say when it changed, and a story without a time is older than all.
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
# Characters of content in a feed: a hundred stories of 4 MB, the longest that an index takes, would fill the memory.
MAX_CONTENT = 2_000_000
# Topics of an entry, and related stories.
_MAX_LINKS = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """A story in a feed. ``content`` is HTML, without its text where the feed would grow too long."""

    story: Story
    base: str
    content: str

    @property
    def id(self) -> str:
        """The same as long as the site has its address: a title, and with it the slug, may change."""
        return f"{self.base}/v1/stories/{self.story.id}"

    @property
    def url(self) -> str:
        """For readers."""
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
    """``links`` are those of a list: self, first, next, prev. ``built`` is when the index was."""

    title: str
    description: str
    home: str
    links: dict[str, str | None]
    entries: Sequence[Entry]
    built: datetime

    @property
    def language(self) -> str | None:
        """Where all entries have the same one."""
        languages = {entry.story.language for entry in self.entries}
        return languages.pop() if len(languages) == 1 else None

    @property
    def updated(self) -> datetime:
        """When the last change of an entry was."""
        return max(filter(None, (entry.updated for entry in self.entries)), default=self.built)


def make_entries(stories: Iterable[Story], base: str) -> list[Entry]:
    """Stories as entries, with their text as long as the feed is not too long for it."""
    entries, left = [], MAX_CONTENT
    for story in stories:
        content = write_content(story, MAX_CONTENT if left > 0 else 0)
        left -= len(content)
        # The text is in the content: it is not kept twice.
        entries.append(Entry(replace(story, sections=(), sources=()), base, content))
    return entries
