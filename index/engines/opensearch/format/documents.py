"""Stories, sources and entries of lists as the cluster indexes them: lines of a bulk request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from math import log, sqrt
from typing import Any

import msgspec
from msgspec import Raw, Struct

from index.analysis.folding import fold_text
from index.analysis.schema import STORY_DEFAULTS, WORD, term_of
from index.documents.story import Story
from index.engines.indexed import StoredSource, labels_of, microseconds, text_of_source, text_of_story
from index.engines.opensearch.format.mappings import MAX_KEY

Json = dict[str, Any]
Labels = Mapping[str, Mapping[str, str]]
_encode = msgspec.json.Encoder().encode
# What stands for a word that folds to nothing: no word is so.
_EMPTY = "\u00a0"


class BulkLine(Struct, frozen=True, gc=False):
    """One action of a bulk request as bytes, and what it is about: told where it fails."""

    about: str
    data: bytes


def index_line(index: str, ident: str, about: str, document: Json) -> BulkLine:
    """Put a document in place of the one of its id. Neither an id nor the name of an index has what JSON escapes."""
    action = f'{{"index":{{"_index":"{index}","_id":"{ident}"}}}}\n'.encode()
    return BulkLine(about, action + _encode(document) + b"\n")


def delete_line(index: str, ident: str, about: str) -> BulkLine:
    return BulkLine(about, _encode({"delete": {"_index": index, "_id": ident}}) + b"\n")


def find_terms(words: Iterable[str]) -> list[str]:
    """Those that index.analysis.schema.iter_tokens gives for a text of these words, in 50 ns each."""
    return list(filter(None, map(term_of, words)))


class StoryTexts:
    """The words and terms of a story's texts by field, found once; ``labels`` are those of its facets."""

    def __init__(self, story: Story) -> None:
        self.words = {name: WORD.findall(text) for name, text in text_of_story(story).items() if text}
        self.terms = {name: find_terms(words) for name, words in self.words.items()}
        self.labels = labels_of(story)

    @property
    def default_terms(self) -> Iterator[str]:
        """The terms in the fields that are searched by default."""
        return chain.from_iterable(self.terms.get(name, ()) for name in STORY_DEFAULTS)


def describe_story(story: Story, texts: StoryTexts) -> Json:
    published, updated = microseconds(story.published_at or None), microseconds(story.updated_at or None)
    counts = Counter(texts.default_terms).values()
    folded = fold_text(story.title)
    document: Json = {name: " ".join(terms) for name, terms in texts.terms.items() if terms}
    document |= {
        "id": story.id,
        "facet": {name: list(values) for name, values in texts.labels.items() if values},
        "source_count": len(story.sources),
        "source_ids": story.source_ids(),
        "length": sqrt(sum(map(_weigh, counts))) or 1.0,
        "title_length": sqrt(len(set(texts.terms.get("title", ())))) or 1.0,
        "title_key": make_key(folded),
        "title_words": join_words(folded),
        "document": Raw(_encode(story)),
    }
    if published is not None:
        # The milliseconds in which it lies, before 1970 too.
        document |= {
            "published": published, "published_at": published // 1000, "published_second": published // 1_000_000,
        }  # fmt: skip
    if updated is not None or published is not None:
        document["updated"] = published if updated is None else updated
    return document


@lru_cache(maxsize=1_000)  # of whole numbers
def _weigh(count: int) -> float:
    return (1 + log(count)) ** 2


def describe_source(stored: StoredSource) -> Json:
    texts = {name: find_terms(WORD.findall(text)) for name, text in text_of_source(stored.source).items() if text}
    document: Json = {name: " ".join(terms) for name, terms in texts.items() if terms}
    document |= {"id": stored.id, "stories": stored.story_ids, "document": Raw(_encode(stored))}
    if stored.source.publisher and (publisher := stored.source.publisher.id):
        document["facet"] = {"publisher": publisher}
    if (published := microseconds(stored.source.published_at or None)) is not None:
        document["published"] = published
    return document


def entry_id(kind: str, value: str) -> str:
    """The id of an entry of the lists: of one length, for words have up to 255 letters and ids 512 bytes."""
    return f"{kind}:{blake2b(value.encode(), digest_size=16).hexdigest()}"


def make_key(folded: list[str]) -> str:
    """Folded words as one keyword: what texts that begin so are found by."""
    return join_words(folded)[:MAX_KEY]


def join_words(folded: list[str]) -> str:
    return " ".join(folded if all(folded) else [word or _EMPTY for word in folded])
