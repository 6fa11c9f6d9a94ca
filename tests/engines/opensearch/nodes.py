"""Real nodes for the tests, where this machine can run them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tools.opensearch_node import Node, NodeUnavailable, run_nodes


@contextmanager
def run_or_skip(count: int = 1, heap: str = "512m", **more: str) -> Iterator[list[Node]]:
    """``run_nodes``; OPENSEARCH_REQUIRED makes it a failure, and not a skip, that there is none."""
    try:
        with run_nodes(count, heap, more) as nodes:
            yield nodes
    except NodeUnavailable as error:
        if os.environ.get("OPENSEARCH_REQUIRED"):
            raise
        pytest.skip(str(error))
