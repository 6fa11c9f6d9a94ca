"""What watches a server: is it up, can it answer, what does it serve; and what its problem codes mean."""

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

blueprint = ApiBlueprint("health", __name__, description="The server itself")


@blueprint.get_response("/healthz", NoArguments, HealthAnswer)
def healthz(arguments: dict[str, Any]) -> Response:
    """Whether the process is up

    Says nothing of the index: for whoever restarts what hangs.
    """
    return _fresh({"status": "ok"})


@blueprint.get_response("/readyz", NoArguments, HealthAnswer, "index_unavailable")
def readyz(arguments: dict[str, Any]) -> Response:
    """Whether the index is open and can be searched

    503 until it is: for whoever decides where requests go.
    """
    with borrow_index() as generation:
        generation.engine.search_stories(SearchQuery(limit=1))
        return _fresh({"status": "ready"})


@blueprint.get_response("/status", NoArguments, StatusAnswer, "index_unavailable")
def status(arguments: dict[str, Any]) -> Response:
    """What is served: generation, counts, engine

    Of the generation that answers now; a build in another process shows here once it is served.
    """
    with borrow_index() as generation:
        return _fresh(answer_status(generation.manifest, VERSION))


@blueprint.streams("/metrics", NoArguments, "text/plain")
def tell_metrics(arguments: dict[str, Any]) -> Response:
    """What the server has done

    For Prometheus: requests by rule and status, how long they took, hits of the cache, searches that found nothing,
    over all processes of the server; the generation and its documents.
    """
    metrics: Metrics = current_app.extensions["outpost.metrics"]
    text = metrics.tell(current_app.extensions["outpost.index"])
    response = Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get_response("/problems/<code>", NoArguments, ProblemMeaning, "not_found")
def explain_problem(arguments: dict[str, Any], code: str) -> Response:
    """What a problem's code means

    Where `type` of a problem leads; - and _ are the same in a code. 404 for a code that no problem has.
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


def _fresh(body: dict[str, Any]) -> Response:
    """An answer that nobody keeps: it is about now."""
    response = make_json(body)
    response.headers["Cache-Control"] = "no-store"
    return response
