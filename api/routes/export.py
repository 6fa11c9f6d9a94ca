"""/v1/export: everything that a search finds, to its end."""

from __future__ import annotations

from collections.abc import Generator
from itertools import chain

from flask import Response

from api.endpoint import ApiBlueprint, borrow_index
from api.request.arguments import ExportArguments, make_matching_query
from api.request.parameters import Arguments
from api.response.compression import PIECE
from index.live import Loan
from index.query.requests import SearchQuery
from index.search import export_stories

blueprint = ApiBlueprint("export", __name__, url_prefix="/v1", description="Stories as they came in")


@blueprint.streams("/export/stories.ndjson", ExportArguments, "application/x-ndjson")
def export(arguments: Arguments) -> Response:
    """Export stories

    All that the search finds, one story a line in the form of the input: built again it is the same index, and
    exported again the same bytes. The generation that answers is held until the last line.
    """
    query = make_matching_query(arguments)
    pieces = _iter_pieces(borrow_index(), query)
    # The search runs now: that there is no index or no time is told before bytes are on their way.
    first = next(pieces)
    response = Response(chain([first], pieces), mimetype="application/x-ndjson")
    response.call_on_close(pieces.close)
    return response


def _iter_pieces(loan: Loan, query: SearchQuery) -> Generator[bytes]:
    """Holds the generation from the first piece to the last, or until it is closed."""
    waiting, size = [], 0
    with loan as generation:
        for line in export_stories(generation, query):
            waiting.append(line)
            size += len(line)
            if size >= PIECE:
                yield b"".join(waiting)
                waiting, size = [], 0
        yield b"".join(waiting)
