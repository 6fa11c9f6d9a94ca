"""/v1/export: all matches of a search."""

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

    All matching stories, one per line, in the format of the input. Building these lines gives the same index. All lines
    come from one generation of the index, even if another one is built meanwhile.
    """
    query = make_matching_query(arguments)
    pieces = _iter_pieces(borrow_index(), query)
    # The search runs before the first byte is sent, so that a missing index or a timeout is still an error status.
    first = next(pieces)
    response = Response(chain([first], pieces), mimetype="application/x-ndjson")
    response.call_on_close(pieces.close)
    return response


def _iter_pieces(loan: Loan, query: SearchQuery) -> Generator[bytes]:
    """Pieces of NDJSON. Keeps the generation open until the last piece, or until the generator is closed."""
    waiting, size = [], 0
    with loan as generation:
        for line in export_stories(generation, query):
            waiting.append(line)
            size += len(line)
            if size >= PIECE:
                yield b"".join(waiting)
                waiting, size = [], 0
        yield b"".join(waiting)
