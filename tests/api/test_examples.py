"""The examples of the OpenAPI document are what the server answers."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from api.errors import PROBLEMS
from api.openapi.examples import EXAMPLES
from tests.api.test_contract import DOCUMENT, OPERATIONS, check_value, resolve, schema_of_operation
from tools.make_examples import make_examples

# It leads elsewhere, and has no body of its own.
_MOVES = {"follow_share_url"}


def test_examples_are_what_is_answered(tmp_path: Path) -> None:
    """Where this fails and the answers are right, `python -m tools.make_examples` writes them down."""
    assert msgspec.to_builtins(make_examples(tmp_path)) == msgspec.to_builtins(EXAMPLES)


@pytest.mark.parametrize("template", OPERATIONS)
def test_every_operation_shows_an_answer_and_what_is_sent(template: str) -> None:
    operation = OPERATIONS[template]
    if operation["operationId"] in _MOVES:
        return
    first, *others = operation["responses"]["200"]["content"].values()
    check_value(first["example"], schema_of_operation(template))
    for other in others:
        check_value(other["example"], other["schema"])
    for sent in operation.get("requestBody", {}).get("content", {}).values():
        check_value(sent["example"], sent["schema"])


def test_every_kind_of_problem_has_an_example() -> None:
    shown = {}
    for response in DOCUMENT["components"]["responses"].values():
        for content in response.get("content", {}).values():
            shown |= content.get("examples", {})
    assert shown.keys() == PROBLEMS.keys()
    for code, example in shown.items():
        assert example["value"]["code"] == code
        check_value(example["value"], {"$ref": "#/components/schemas/ProblemAnswer"})


def test_every_documented_problem_of_an_operation_has_one() -> None:
    for operation in OPERATIONS.values():
        for status, response in operation["responses"].items():
            if status == "default" or int(status) >= 400:
                assert resolve(response)["content"]["application/problem+json"]["examples"], status
