"""The smallest web application over tantivy, to compare Outpost's with: best hits, total, two facets, snippets.

TANTIVY_INDEX names the directory, TANTIVY_CODED is 1 where facets are codes.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from flask import Flask, Response, request

from benchmarks.peers import HITS
from benchmarks.peers.tantivy import Tantivy


def create_app() -> Flask:
    app = Flask(__name__)
    peer = Tantivy(coded=os.environ["TANTIVY_CODED"] == "1")
    peer.open(Path(os.environ["TANTIVY_INDEX"]))
    encode = msgspec.json.Encoder().encode

    @app.get("/healthz")
    def healthz() -> str:
        return "ok"

    @app.get("/v1/search")
    def search() -> Response:
        query = peer.parse(request.args["q"])
        found = peer.searcher.search(query, HITS)
        marked = [
            {"score": score, "story": msgspec.Raw(card), "snippet": snippet}
            for (score, _), (card, snippet) in zip(found.hits, peer.mark(query, found.hits), strict=True)
        ]
        answer = {"total": found.count, "facets": peer.count(query), "results": marked}
        return Response(encode(answer), mimetype="application/json")

    return app
