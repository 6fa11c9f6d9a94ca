"""What the indices of a generation are: their settings and strict mappings. A change here needs a new FORMAT_VERSION.

    NAME            stories: the text fields as terms, ``text`` all that is searched by default, facets, times, the
                    document itself, which is kept and not indexed
    NAME-sources    the articles, each once, with the ids of the stories that cite it
    NAME-lists      words and pairs of words, with how many stories have them; labels and publishers; removed ids

Texts come as the terms that index.analysis.schema makes of them, one blank between two, so that both engines have the
same terms: OpenSearch's own porter_stem stems one word in a hundred differently ("beginnings", "repudiated"), and its
stop filter leaves gaps in positions that phrases do not match.
"""

from __future__ import annotations

from typing import Any

from index.analysis.schema import SOURCE_FIELDS, STORY_FIELDS
from index.engines.scoring import K1, B
from index.query.requests import FACETS

Json = dict[str, Any]
FORMAT_VERSION = 1
SOURCES, LISTS = "-sources", "-lists"
SUFFIXES = ("", SOURCES, LISTS)
# The field of all texts that are searched by default.
TEXT = "text"
# What typing is looked up by: keys are cut there, for a term may have 32,766 bytes.
MAX_KEY = 300
_LONGEST = 512  # UTF-16 units of a term: index.analysis.schema.MAX_WORD letters, each of which may take two

_KEYWORD: Json = {"type": "keyword"}
_HIDDEN: Json = {"type": "object", "enabled": False}
_STARTS: Json = {
    "type": "text", "analyzer": "terms", "index_prefixes": {"min_chars": 1, "max_chars": 19},
    "similarity": "boolean", "norms": False,
}  # fmt: skip
_SETTINGS: Json = {
    "analysis": {
        "tokenizer": {"blanks": {"type": "char_group", "tokenize_on_chars": [" "], "max_token_length": _LONGEST}},
        "analyzer": {"terms": {"type": "custom", "tokenizer": "blanks"}},
    },
    "similarity": {
        "default": {"type": "BM25", "k1": K1, "b": B},
        # What index.engines.more_like_this weighs a term with.
        "likeness": {"type": "scripted", "script": {"source": "query.boost * (1 + Math.log(doc.freq))"}},
    },
}


def make_stories(shards: int) -> Json:
    fields: Json = {field.name: _text(copied=field.default) for field in STORY_FIELDS}
    fields["title"]["fields"] = {"once": {"type": "text", "analyzer": "terms", "similarity": "boolean", "norms": False,
                                          "index_options": "docs"}}  # fmt: skip
    fields[TEXT] = {**_text(), "fields": {"like": {"type": "text", "analyzer": "terms", "similarity": "likeness",
                                                   "index_options": "freqs"}}}  # fmt: skip
    fields |= {
        "facet": {"properties": dict.fromkeys(FACETS, _KEYWORD)},
        "id": _KEYWORD,
        "published": {"type": "long"},
        "updated": {"type": "long"},
        "published_at": {"type": "date", "format": "epoch_millis"},
        "published_second": {"type": "long", "index": False},
        "source_count": {"type": "integer"},
        "added": {"type": "long"},
        "source_ids": {"type": "keyword", "doc_values": False},
        "length": {"type": "float", "index": False},
        "title_length": {"type": "float", "index": False},
        "title_key": {"type": "keyword", "doc_values": False},
        "title_words": _STARTS,
    }
    return _make(shards, fields)


def make_sources(shards: int) -> Json:
    fields: Json = {field.name: _text(copied=field.default) for field in SOURCE_FIELDS}
    fields |= {
        TEXT: _text(),
        "id": _KEYWORD,
        "published": {"type": "long"},
        "facet": {"properties": {"publisher": _KEYWORD}},
        "stories": {"type": "keyword", "doc_values": False},
    }
    return _make(shards, fields)


def make_lists(shards: int) -> Json:
    """``kind``: word, pair, source_word, removed, or a facet. ``value`` is what it is, ``key`` and ``words`` it folded,
    ``doc_freq`` how many stories have it, ``typed`` how often it stands there, ``order`` what ties break by."""
    fields: Json = {
        "kind": _KEYWORD,
        "value": _KEYWORD,
        "term": _KEYWORD,
        "size": {"type": "integer"},
        "key": {"type": "keyword", "doc_values": False},
        "words": _STARTS,
        "holding": {"type": "long"},
        "typed": {"type": "long"},
        "order": _KEYWORD,
    }
    return _make(shards, fields, "*")


# What is kept is answered whole: a part of it takes a node longer (2.3 ms for 20 stories, and 1.9 for all of them).
def _make(shards: int, fields: Json, kept: str = "document") -> Json:
    settings = {**_SETTINGS, "number_of_shards": shards, "number_of_replicas": 0, "refresh_interval": -1}
    return {
        "settings": {"index": settings},
        "mappings": {
            "dynamic": "strict",
            "_source": {"includes": [kept]},
            "properties": {**fields, "document": _HIDDEN},
        },
    }


def _text(*, copied: bool = False) -> Json:
    field: Json = {"type": "text", "analyzer": "terms"}
    return {**field, "copy_to": TEXT} if copied else field
