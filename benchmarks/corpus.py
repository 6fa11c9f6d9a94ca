"""The stories that every engine gets: those of the input, fewer taken evenly, or more by repeating them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import msgspec
from msgspec import UnsetType
from xxhash import xxh3_64_hexdigest

from index.documents.identity import slug_of
from index.documents.story import Story
from index.readers.ndjson import AcceptedLine, iter_stories

_WORD = re.compile(r"[a-z]{4,}")
# Of the longer words of a repeated story one in so many is another word, as new stories bring new words.
_CHANGED = 5


@dataclass(frozen=True, slots=True)
class Input:
    """Files of stories and how many of their lines are stories."""

    files: tuple[Path, ...]
    size: int

    @classmethod
    def count(cls, files: Sequence[Path]) -> Input:
        return cls(tuple(files), sum(1 for _ in _iter_accepted(files)))

    def nearest(self, size: int) -> int:
        """``size``, or the whole input where that is as good as the same: a few lines are refused."""
        return self.size if abs(size - self.size) <= self.size // 1_000 else size

    def iter_stories(self, size: int) -> Iterator[Story]:
        """``size`` stories: spread over the whole input, or all of it and changed copies."""
        copies = -(-size // self.size)
        for copy in range(copies):
            wanted = min(self.size, size - copy * self.size)
            for place, story in enumerate(_iter_accepted(self.files)):
                if place * wanted // self.size != (place + 1) * wanted // self.size:
                    yield change(story, copy) if copy else story


def _iter_accepted(files: Sequence[Path]) -> Iterator[Story]:
    seen: set[str] = set()
    for file in files:
        for read in iter_stories(file):
            if isinstance(read, AcceptedLine) and read.story.id not in seen:
                seen.add(read.story.id)
                yield read.story


def change(story: Story, copy: int) -> Story:
    """A copy with another id, other articles and, here and there, other words."""
    sources = tuple(
        msgspec.structs.replace(source, title=change_words(source.title, copy), url=_change_url(source.url, copy))
        for source in story.sources
    )
    return msgspec.structs.replace(
        story,
        # Not the id and something more: cut to the length of an id, two long ones would be the same.
        id=f"{copy}-{xxh3_64_hexdigest(story.id.encode())}",
        title=change_words(story.title, copy),
        summary=change_words(story.summary, copy),
        sources=sources,
    )


def _change_url(url: str | UnsetType, copy: int) -> str | UnsetType:
    if not url:
        return url
    bare = url.partition("#")[0]
    return f"{bare}{'&' if '?' in bare else '?'}copy={copy}"


def change_words(text: str, copy: int) -> str:
    """The same text at every call."""
    return _WORD.sub(lambda word: _change_word(word[0], copy), text)


@lru_cache(maxsize=500_000)
def _change_word(word: str, copy: int) -> str:
    return f"{word}{chr(ord('a') + copy % 26)}q" if crc32(word.encode()) % _CHANGED == copy % _CHANGED else word


def write_stories(path: Path, stories: Iterator[Story]) -> int:
    """Lines of JSON, as every engine is built from; how many."""
    count = 0
    with open(path, "wb", buffering=1 << 20) as file:
        for story in stories:
            count += 1
            file.write(msgspec.json.encode(story) + b"\n")
    return count


def text_of(story: Story) -> str:
    """All that is searched when no field is named, one a line."""
    return "\n".join(
        text for text in (story.title, story.summary, story.body, *(s.title for s in story.sources)) if text
    )


def facets_of(story: Story) -> dict[str, tuple[str, ...]]:
    """The ids of the two facets that are counted."""
    return {
        "topic": tuple(dict.fromkeys(slug_of(label) for label in story.topics if label.strip())),
        "publisher": tuple(publisher.id for publisher in story.publishers),
    }
