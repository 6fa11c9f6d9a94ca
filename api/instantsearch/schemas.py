"""What the OpenAPI document says of answers in Algolia's form. Names are Algolia's: snake_case stops here."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from api.openapi.schemas import AnswerSchema


def _any(kind: type[fields.Field[Any]], description: str, *, required: bool = True, **more: Any) -> fields.Field[Any]:
    return kind(required=required, metadata={"description": description, **more})


class FacetHit(AnswerSchema):
    value = _any(fields.String, "Label, the value for facetFilters")
    highlighted = _any(fields.String, "The same with what was typed between the tags; not escaped")
    count = _any(fields.Integer, "Stories, under every filter of the search", minimum=0)


class NumberStatsAnswer(AnswerSchema):
    min = _any(fields.Integer, "The lowest")
    max = _any(fields.Integer, "The highest")
    avg = _any(fields.Float, "All by their number")
    sum = _any(fields.Integer, "All added up")


class OneAnswer(AnswerSchema):
    """Hits, or with type facet facetHits."""

    hits = fields.List(
        fields.Dict(keys=fields.String()),
        metadata={
            "description": "objectID, the attributes asked for, _highlightResult, _snippetResult; texts are not escaped"
        },
    )
    nbHits = _any(fields.Integer, "Exact number of hits", required=False, minimum=0)
    page = _any(fields.Integer, "This page, from 0", required=False, minimum=0)
    nbPages = _any(fields.Integer, "Pages that can be asked for: hits go to the 10,000th", required=False, minimum=0)
    hitsPerPage = _any(fields.Integer, "Hits a page", required=False, minimum=0)
    facets = fields.Dict(
        keys=fields.String(),
        values=fields.Dict(keys=fields.String(), values=fields.Integer()),
        metadata={"description": "By attribute how many hits have which value, under every filter of the search"},
    )
    facets_stats = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(NumberStatsAnswer),
        metadata={"description": "Of numbers, where they were asked for and are there"},
    )
    facetHits = fields.List(fields.Nested(FacetHit), metadata={"description": "Values of a facet, with type facet"})
    renderingContent = fields.Dict(
        keys=fields.String(), metadata={"description": 'Order of facets for dynamicWidgets, with facets "*"'}
    )
    query = _any(fields.String, "As sent", required=False)
    parsedQuery = _any(fields.String, "What was searched for, where the query was corrected", required=False)
    params = _any(fields.String, "The parameters as sent, URL-encoded", required=False)
    index = _any(fields.String, "The index asked", required=False)
    exhaustiveNbHits = _any(fields.Boolean, "Always true", required=False)
    exhaustiveFacetsCount = _any(fields.Boolean, "Always true")
    exhaustiveTypo = _any(fields.Boolean, "Always true", required=False)
    exhaustive = fields.Dict(
        keys=fields.String(validate=validate.OneOf(["nbHits", "facetsCount", "typo"])),
        values=fields.Boolean(),
        metadata={"description": "The same once more"},
    )
    processingTimeMS = _any(fields.Integer, "Milliseconds", minimum=0)


class ManyAnswers(AnswerSchema):
    results = fields.List(
        fields.Nested(OneAnswer), required=True, metadata={"description": "One for each search, in their order"}
    )
