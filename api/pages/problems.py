"""Problems as pages, for people: of what pages answer, and of paths that are not there where a browser asks."""

from __future__ import annotations

import json

from flask import Response, request

from api.pages.rendering import HTML, POLICY, render

PROBLEM = "application/problem+json"


def show_problem(response: Response) -> Response:
    """The same answer as a page, where it is a problem and whoever asked is a reader; else as it is."""
    if response.mimetype == PROBLEM and _is_for_readers(response):
        problem = json.loads(response.data)
        response.data = render("problem.html", problem=problem)
        response.headers["Content-Type"] = HTML
        response.headers["Content-Security-Policy"] = POLICY
    return response


def _is_for_readers(response: Response) -> bool:
    if request.blueprint == "pages":
        return True
    if request.url_rule is not None or request.path.startswith("/v1/"):
        return False
    response.vary.add("Accept")
    return request.accept_mimetypes.best_match([PROBLEM, "application/json", "text/html"]) == "text/html"
