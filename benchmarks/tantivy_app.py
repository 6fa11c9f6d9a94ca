"""A minimal web application over tantivy, to compare with Outpost's: best hits, total, two facets and snippets.

TANTIVY_INDEX is the directory of the index. TANTIVY_CODED is 1 if facet values are stored as integers.
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
        matches = peer.searcher.search(query, HITS)
        results = [
            {"score": score, "story": msgspec.Raw(story), "snippet": snippet}
            for (score, _), (story, snippet) in zip(matches.hits, peer.highlight(query, matches.hits), strict=True)
        ]
        answer = {"total": matches.count, "facets": peer.count(query), "results": results}
        return Response(encode(answer), mimetype="application/json")

    return app
