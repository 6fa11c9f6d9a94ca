"""Asking the API, and what every problem of it must look like."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

Json = dict[str, Any]
PROBLEM_MEMBERS = {"type", "title", "status", "code", "detail", "instance", "request_id"}
_LEAKS = re.compile(r'Traceback|File "|\.py\b|/tmp/|/home/|site-packages|manifest|generations')


def url_of(path: str, **parameters: object) -> str:
    """``from_`` is ``from``: the one name that Python keeps for itself."""
    pairs = {name.rstrip("_"): value for name, value in parameters.items()}
    return f"{path}?{urlencode(pairs)}" if pairs else path


def get(client: FlaskClient, path: str, **parameters: object) -> Json:
    """The body of a 200."""
    response = client.get(url_of(path, **parameters))
    assert response.status_code == 200, response.text
    assert response.mimetype == "application/json"
    body: Json = json.loads(response.data)
    return body


def search(client: FlaskClient, **parameters: object) -> Json:
    return get(client, "/v1/search", **parameters)


def found(client: FlaskClient, **parameters: object) -> list[str]:
    """The ids of the first hundred hits."""
    return [hit["id"] for hit in search(client, **{"per_page": 100, **parameters})["results"]]


def every_page(client: FlaskClient, first: str) -> Iterator[Json]:
    """The answers from ``first`` on, as ``links.next`` leads."""
    url: str | None = first
    while url:
        answer = get(client, url)
        yield answer
        url = answer["links"]["next"]


def check_problem(response: TestResponse, status: int, code: str) -> Json:
    """The one body that every error has; gives it for more questions."""
    assert response.status_code == status, response.text
    assert response.headers.getlist("Content-Type") == ["application/problem+json"]
    body: Json = json.loads(response.data)
    assert body.keys() >= PROBLEM_MEMBERS
    assert body.keys() - PROBLEM_MEMBERS <= {"errors", "near"}
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == "/problems/" + code.replace("_", "-")
    assert body["request_id"] == response.headers["X-Request-ID"]
    assert all(isinstance(body[name], str) and body[name] for name in PROBLEM_MEMBERS - {"status"})
    assert body["instance"].startswith("/")
    assert not _LEAKS.search(body["title"] + body["detail"]), body
    return body


def faults_of(response: TestResponse, code: str = "invalid_parameter") -> list[tuple[str, str]]:
    """(parameter, code) of each fault of a 400."""
    errors = check_problem(response, 400, code)["errors"]
    assert all(error.keys() == {"parameter", "code", "value", "allowed", "hint"} for error in errors)
    return [(error["parameter"], error["code"]) for error in errors]
