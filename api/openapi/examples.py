"""Examples of the OpenAPI document: answers of a real server over the sample.

`python -m tools.make_examples` regenerates them; a test checks that the server still answers the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec


class Examples(msgspec.Struct):
    """``answers`` and request ``bodies`` by operation id, ``problems`` by status and code."""

    answers: dict[str, Any]
    bodies: dict[str, Any]
    problems: dict[str, dict[str, Any]]


FILE = Path(__file__).with_name("examples.json")
EXAMPLES = msgspec.json.decode(FILE.read_bytes(), type=Examples)


def get_problem_examples(status: str) -> dict[str, Any]:
    """Problem bodies with this status, in the form of OpenAPI's ``examples``."""
    return {code: {"value": problem} for code, problem in EXAMPLES.problems.get(status, {}).items()}
