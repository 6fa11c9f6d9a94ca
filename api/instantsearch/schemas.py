"""Schemas of the answers in Algolia's form, for the OpenAPI document. Names are Algolia's, so not in snake_case."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from api.openapi.schemas import AnswerSchema


def _field(kind: type[fields.Field[Any]], description: str, *, required: bool = True, **more: Any) -> fields.Field[Any]:
    return kind(required=required, metadata={"description": description, **more})


class FacetHit(AnswerSchema):
    value = _field(fields.String, "Label, the value for facetFilters")
    highlighted = _field(fields.String, "The label with the matching prefixes between the tags; not escaped")
    count = _field(fields.Integer, "Number of stories, under all filters of the search", minimum=0)


class NumberStatsAnswer(AnswerSchema):
    min = _field(fields.Integer, "Minimum")
    max = _field(fields.Integer, "Maximum")
    avg = _field(fields.Float, "Average")
    sum = _field(fields.Integer, "Sum")


class OneAnswer(AnswerSchema):
    """Hits or, with type facet, facetHits."""

    hits = fields.List(
        fields.Dict(keys=fields.String()),
        metadata={
            "description": "objectID, requested attributes, _highlightResult and _snippetResult; texts are not escaped"
        },
    )
    nbHits = _field(fields.Integer, "Exact number of hits", required=False, minimum=0)
    page = _field(fields.Integer, "Number of the page, from 0", required=False, minimum=0)
    nbPages = _field(fields.Integer, "Number of pages, up to the 10,000th hit", required=False, minimum=0)
    hitsPerPage = _field(fields.Integer, "Hits per page", required=False, minimum=0)
    facets = fields.Dict(
        keys=fields.String(),
        values=fields.Dict(keys=fields.String(), values=fields.Integer()),
        metadata={"description": "Number of hits by attribute and value, under all filters of the search"},
    )
    facets_stats = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(NumberStatsAnswer),
        metadata={"description": "Statistics of the requested numeric attributes"},
    )
    facetHits = fields.List(fields.Nested(FacetHit), metadata={"description": "Values of a facet, with type facet"})
    renderingContent = fields.Dict(
        keys=fields.String(), metadata={"description": 'Order of facets for dynamicWidgets, with facets "*"'}
    )
    query = _field(fields.String, "As sent", required=False)
    parsedQuery = _field(fields.String, "The query that was searched, if it was corrected", required=False)
    params = _field(fields.String, "The parameters as sent, URL-encoded", required=False)
    index = _field(fields.String, "The index searched", required=False)
    exhaustiveNbHits = _field(fields.Boolean, "Always true", required=False)
    exhaustiveFacetsCount = _field(fields.Boolean, "Always true")
    exhaustiveTypo = _field(fields.Boolean, "Always true", required=False)
    exhaustive = fields.Dict(
        keys=fields.String(validate=validate.OneOf(["nbHits", "facetsCount", "typo"])),
        values=fields.Boolean(),
        metadata={"description": "The same values by name"},
    )
    processingTimeMS = _field(fields.Integer, "Milliseconds", minimum=0)


class ManyAnswers(AnswerSchema):
    results = fields.List(
        fields.Nested(OneAnswer), required=True, metadata={"description": "One answer per search, in their order"}
    )
