"""Health checks, status, metrics, and the pages that explain problem codes."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app

from api.endpoint import ApiBlueprint, borrow_index
from api.errors import PROBLEMS
from api.observability.metrics import Metrics
from api.openapi.schemas import HealthAnswer, ProblemMeaning, StatusAnswer
from api.request.arguments import NoArguments
from api.response.answers import answer_status
from api.response.conditional import VERSION, make_json
from api.response.problems import type_of
from index.errors import NotFound
from index.query.requests import SearchQuery

blueprint = ApiBlueprint("health", __name__, description="Health, status and metrics of the server")


@blueprint.get_response("/healthz", NoArguments, HealthAnswer)
def healthz(arguments: dict[str, Any]) -> Response:
    """Check that the process is up

    Liveness probe: does not look at the index.
    """
    return _make_uncached_json({"status": "ok"})


@blueprint.get_response("/readyz", NoArguments, HealthAnswer, "index_unavailable")
def readyz(arguments: dict[str, Any]) -> Response:
    """Check that the index can be searched

    Readiness probe: 503 until the index is open.
    """
    with borrow_index() as generation:
        generation.engine.search_stories(SearchQuery(limit=1))
        return _make_uncached_json({"status": "ready"})


@blueprint.get_response("/status", NoArguments, StatusAnswer, "index_unavailable")
def status(arguments: dict[str, Any]) -> Response:
    """Show generation, counts and engine

    Describes the generation that answers now. A new build appears here as soon as it is served.
    """
    with borrow_index() as generation:
        return _make_uncached_json(answer_status(generation.manifest, VERSION))


@blueprint.streams("/metrics", NoArguments, "text/plain")
def tell_metrics(arguments: dict[str, Any]) -> Response:
    """Show metrics for Prometheus

    Requests by rule and status, their duration, cache hits and searches without results, summed over all processes of
    the server; the current generation and its number of documents.
    """
    metrics: Metrics = current_app.extensions["outpost.metrics"]
    text = metrics.render(current_app.extensions["outpost.index"])
    response = Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get_response("/problems/<code>", NoArguments, ProblemMeaning, "not_found")
def explain_problem(arguments: dict[str, Any], code: str) -> Response:
    """Explain a problem code

    The member `type` of a problem is this path. The code may be written with - or _. 404 if the code is unknown.
    """
    problem = PROBLEMS.get(code.replace("-", "_"))
    if problem is None:
        raise NotFound("problem", code, tuple(PROBLEMS))
    return make_json(
        {
            "type": type_of(problem.code),
            "code": problem.code,
            "status": problem.status,
            "title": problem.title,
            "meaning": problem.meaning,
        }
    )


def _make_uncached_json(body: dict[str, Any]) -> Response:
    """A JSON answer that no cache may store."""
    response = make_json(body)
    response.headers["Cache-Control"] = "no-store"
    return response
