"""/v1/suggest."""

from __future__ import annotations

from typing import Any

from api.endpoint import ApiBlueprint
from api.openapi.schemas import SuggestAnswer
from api.request.arguments import SuggestArguments
from api.request.parameters import Arguments
from api.response.answers import answer_suggestion
from index.analysis.folding import parse_typed_text
from index.live import OpenGeneration
from index.suggestions import suggest

blueprint = ApiBlueprint("suggest", __name__, url_prefix="/v1", description="What typing may be completed to")


@blueprint.get_json("/suggest", SuggestArguments, SuggestAnswer, "index_unavailable")
def list_suggestions(generation: OpenGeneration, arguments: Arguments) -> dict[str, Any]:
    """Suggestions for each key press

    Queries, topics, publishers and stories with a word that begins with `q`; those that begin with `q` themselves come
    first. Case and diacritics do not matter. An empty `q` suggests what the newest stories are about.
    """
    typed = parse_typed_text(arguments["q"])
    suggestions = suggest(generation, typed, arguments["limit"])
    return {
        "query": arguments["q"],
        "suggestions": [answer_suggestion(suggestion, typed) for suggestion in suggestions],
    }
