"""The stories that every engine indexes: an even selection of the input, or the input and varied copies of it."""

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
# In a copy, one of so many words of four letters and more is varied, because new stories bring new words.
_VARIED_SHARE = 5


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files of stories; ``size`` is the number of valid stories in them."""

    files: tuple[Path, ...]
    size: int

    @classmethod
    def open(cls, files: Sequence[Path]) -> Corpus:
        return cls(tuple(files), sum(1 for _ in _iter_valid(files)))

    def round_size(self, size: int) -> int:
        """``size``, or the size of the input if they differ by at most 0.1 %: a few lines may be invalid."""
        return self.size if abs(size - self.size) <= self.size // 1_000 else size

    def iter_stories(self, size: int) -> Iterator[Story]:
        """``size`` stories: spread evenly over the input, or all of it and varied copies."""
        copies = -(-size // self.size)
        for copy in range(copies):
            count = min(self.size, size - copy * self.size)
            for number, story in enumerate(_iter_valid(self.files)):
                if number * count // self.size != (number + 1) * count // self.size:
                    yield vary(story, copy) if copy else story


def _iter_valid(files: Sequence[Path]) -> Iterator[Story]:
    seen: set[str] = set()
    for file in files:
        for read in iter_stories(file):
            if isinstance(read, AcceptedLine) and read.story.id not in seen:
                seen.add(read.story.id)
                yield read.story


def vary(story: Story, copy: int) -> Story:
    """A copy of the story with another id, other source URLs and some other words."""
    sources = tuple(
        msgspec.structs.replace(source, title=vary_words(source.title, copy), url=_vary_url(source.url, copy))
        for source in story.sources
    )
    return msgspec.structs.replace(
        story,
        # A hash: a suffix on a long id would exceed the maximum length of ids.
        id=f"{copy}-{xxh3_64_hexdigest(story.id.encode())}",
        title=vary_words(story.title, copy),
        summary=vary_words(story.summary, copy),
        sources=sources,
    )


def _vary_url(url: str | UnsetType, copy: int) -> str | UnsetType:
    if not url:
        return url
    bare = url.partition("#")[0]
    return f"{bare}{'&' if '?' in bare else '?'}copy={copy}"


def vary_words(text: str, copy: int) -> str:
    """``text`` with some other words: always the same for the same text and copy."""
    return _WORD.sub(lambda word: _vary_word(word[0], copy), text)


@lru_cache(maxsize=500_000)
def _vary_word(word: str, copy: int) -> str:
    return (
        f"{word}{chr(ord('a') + copy % 26)}q" if crc32(word.encode()) % _VARIED_SHARE == copy % _VARIED_SHARE else word
    )


def write_stories(path: Path, stories: Iterator[Story]) -> int:
    """Write the input of all engines as lines of JSON. Returns the number of stories."""
    count = 0
    with open(path, "wb", buffering=1 << 20) as file:
        for story in stories:
            count += 1
            file.write(msgspec.json.encode(story) + b"\n")
    return count


def searchable_text(story: Story) -> str:
    """The text that a query without fields searches, one field per line."""
    return "\n".join(
        text for text in (story.title, story.summary, story.body, *(s.title for s in story.sources)) if text
    )


def facet_values(story: Story) -> dict[str, tuple[str, ...]]:
    """The ids of the story's topics and publishers, the two facets that are counted."""
    return {
        "topic": tuple(dict.fromkeys(slug_of(label) for label in story.topics if label.strip())),
        "publisher": tuple(publisher.id for publisher in story.publishers),
    }
