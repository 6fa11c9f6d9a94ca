"""/v1/suggest."""

from __future__ import annotations

from typing import Any

from flask import Response

from api.blueprints import ApiBlueprint, borrow_index
from api.openapi.schemas import SuggestAnswer
from api.request.arguments import SuggestArguments
from api.request.parameters import Arguments
from api.response.answers import answer_suggestion
from api.response.conditional import answer_json
from index.analysis.folding import parse_typed_text
from index.live import OpenGeneration
from index.suggestions import suggest

blueprint = ApiBlueprint("suggest", __name__, url_prefix="/v1", description="What typing may be completed to")


@blueprint.reads("/suggest", SuggestArguments, SuggestAnswer, "index_unavailable")
def list_suggestions(arguments: Arguments) -> Response:
    """Suggestions for each key press

    Queries, topics, publishers and stories in which `q` stands at the beginning of a word, without regard to case
    and diacritics: those that begin with it first. An empty `q` gives what the newest stories are about.
    """
    with borrow_index() as generation:
        return answer_json(generation, arguments, lambda: _suggest(generation, arguments))


def _suggest(generation: OpenGeneration, arguments: dict[str, Any]) -> dict[str, Any]:
    q = arguments["q"]
    typed = parse_typed_text(q)
    found = suggest(generation, typed, arguments["limit"])
    return {"query": q, "suggestions": [answer_suggestion(one, typed) for one in found]}
