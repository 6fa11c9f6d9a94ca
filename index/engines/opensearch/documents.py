"""Stories, sources and entries of lists as the cluster indexes them: lines of a bulk request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from hashlib import blake2b
from math import log, sqrt
from typing import Any

import msgspec
from msgspec import Raw, Struct

from index.documents import Story
from index.engines.indexed import StoredSource, labels_of, microseconds, text_of_source, text_of_story
from index.engines.opensearch.mappings import MAX_KEY
from index.folding import fold_text
from index.schema import STORY_DEFAULTS, iter_tokens

Json = dict[str, Any]
Labels = Mapping[str, Mapping[str, str]]
_encode = msgspec.json.Encoder().encode
# What stands for a word that folds to nothing: no word is so.
_EMPTY = "\u00a0"


class Line(Struct, frozen=True, gc=False):
    """One action of a bulk request as bytes, and what it is about: told where it fails."""

    about: str
    data: bytes


def index_line(index: str, ident: str, about: str, document: Json) -> Line:
    """Put a document in place of the one of its id."""
    action = _encode({"index": {"_index": index, "_id": ident}})
    return Line(about, action + b"\n" + _encode(document) + b"\n")


def delete_line(index: str, ident: str, about: str) -> Line:
    return Line(about, _encode({"delete": {"_index": index, "_id": ident}}) + b"\n")


class StoryTexts:
    """The texts of a story cut into terms once; ``labels`` are those of its facets."""

    def __init__(self, story: Story) -> None:
        self.texts = text_of_story(story)
        self.terms = {name: [term for term, _, _ in iter_tokens(text)] for name, text in self.texts.items()}
        self.labels = labels_of(story)

    @property
    def held(self) -> set[str]:
        """The terms in the fields that are searched by default."""
        return {term for name in STORY_DEFAULTS for term in self.terms[name]}


def describe_story(story: Story, texts: StoryTexts) -> Json:
    published, updated = microseconds(story.published_at or None), microseconds(story.updated_at or None)
    whole = Counter(term for name in STORY_DEFAULTS for term in texts.terms[name])
    folded = fold_text(story.title)
    document: Json = {name: " ".join(terms) for name, terms in texts.terms.items() if terms}
    document |= {
        "id": story.id,
        "facet": {name: list(values) for name, values in texts.labels.items() if values},
        "source_count": len(story.sources),
        "source_ids": story.source_ids(),
        "length": sqrt(sum((1 + log(count)) ** 2 for count in whole.values())) or 1.0,
        "title_length": sqrt(len(set(texts.terms["title"]))) or 1.0,
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


def describe_source(stored: StoredSource) -> Json:
    texts = {name: [term for term, _, _ in iter_tokens(text)] for name, text in text_of_source(stored.source).items()}
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
    return " ".join(word or _EMPTY for word in folded)
