"""What the OpenAPI document shows as examples: answers of a real server over the sample.

`python -m tools.make_examples` writes them anew; a test holds them equal to what is answered.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec


class Examples(msgspec.Struct):
    """``answers`` and ``bodies`` (of those that take one) by operation, ``problems`` by status and code."""

    answers: dict[str, Any]
    bodies: dict[str, Any]
    problems: dict[str, dict[str, Any]]


FILE = Path(__file__).with_name("examples.json")
EXAMPLES = msgspec.json.decode(FILE.read_bytes(), type=Examples)


def problems_of(status: str) -> dict[str, Any]:
    """The problems of a status as OpenAPI has examples."""
    return {code: {"value": problem} for code, problem in EXAMPLES.problems.get(status, {}).items()}
