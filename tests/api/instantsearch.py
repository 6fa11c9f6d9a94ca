"""Asking in Algolia's protocol, for the tests of it."""

from __future__ import annotations

import json

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.api.helpers import PROBLEM_MEMBERS, Json

ONE, MANY = "/1/indexes/stories/query", "/1/indexes/*/queries"


def ask(client: FlaskClient, index: str = "stories", **parameters: object) -> Json:
    """One search, as the lite client sends it: parameters flat, text/plain."""
    body = json.dumps({"requests": [{"indexName": index, **parameters}]})
    response = client.post(MANY + "?x-algolia-agent=x&x-algolia-api-key=k", data=body, content_type="text/plain")
    assert response.status_code == 200, response.text
    (result,) = response.json["results"]
    return result


def check_refused(response: TestResponse, status: int, code: str) -> Json:
    """A problem as every other, with the sentence where Algolia's clients look for it."""
    assert (response.status_code, response.mimetype) == (status, "application/problem+json"), response.text
    body: Json = response.json
    assert body.keys() - {"errors", "near"} == PROBLEM_MEMBERS | {"message"}
    assert (body["code"], body["status"], body["message"]) == (code, status, body["detail"])
    return body
