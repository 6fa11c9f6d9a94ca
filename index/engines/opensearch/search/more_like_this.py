"""index.engines.more_like_this as a query.

Each term weighs as the similarity ``likeness`` of the mapping says; scripts divide by the lengths that are stored with
a story, and weigh the distance in time of two stories.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from index.engines.more_like_this import FLOOR, MoreLikeThis
from index.engines.opensearch.format.mappings import TEXT

Json = dict[str, Any]
_TIME = """
if (doc['published'].size() == 0) { return _score * params.floor; }
double distance = Math.abs((double) doc['published'].value - params.published);
return _score * (params.floor + (1 - params.floor) * params.scale / (distance + params.scale));
"""


def make_similar(likeness: MoreLikeThis, left_out: Sequence[str]) -> Json:
    """The stories that have one of the terms, scored 0 to 1."""
    whole = [{"term": {f"{TEXT}.like": {"value": t, "boost": one}}} for t, (one, _) in likeness.weights.items()]
    titles = [{"term": {"title.once": {"value": t, "boost": own}}} for t, (_, own) in likeness.weights.items() if own]
    alike = _divide(whole, "length")
    if titles:
        alike = {"bool": {"must": [alike], "should": [_divide(titles, "title_length")]}}
    if likeness.published is not None:
        params = {"published": likeness.published, "scale": likeness.scale, "floor": FLOOR}
        alike = {"script_score": {"query": alike, "script": {"source": _TIME, "params": params}}}
    return {"bool": {"must": [alike], "must_not": [{"terms": {"id": list(left_out)}}]}}


def _divide(terms: list[Json], length: str) -> Json:
    query = {"bool": {"should": terms, "minimum_should_match": 1}}
    script = {"source": "_score / doc[params.length].value", "params": {"length": length}}
    return {"script_score": {"query": query, "script": script}}
