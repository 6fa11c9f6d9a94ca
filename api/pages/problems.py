"""Error pages in HTML: for errors of pages, and for unknown paths requested by a browser."""

from __future__ import annotations

import json

from flask import Response, request

from api.pages.rendering import HTML, POLICY, render

PROBLEM = "application/problem+json"


def show_problem(response: Response) -> Response:
    """Render a problem as HTML if the client is a reader's browser; return other responses unchanged."""
    if response.mimetype == PROBLEM and _wants_html(response):
        problem = json.loads(response.data)
        response.data = render("problem.html", problem=problem)
        response.headers["Content-Type"] = HTML
        response.headers["Content-Security-Policy"] = POLICY
    return response


def _wants_html(response: Response) -> bool:
    if request.blueprint == "pages":
        return True
    if request.url_rule is not None or request.path.startswith("/v1/"):
        return False
    response.vary.add("Accept")
    return request.accept_mimetypes.best_match([PROBLEM, "application/json", "text/html"]) == "text/html"
