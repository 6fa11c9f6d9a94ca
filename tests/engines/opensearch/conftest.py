"""A real OpenSearch for the tests that need one: skipped where this machine cannot run it, unless that is required."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.engines.opensearch.address import ClusterAddress
from tests.engines.opensearch.kind import ClusterKind
from tests.node import Node, NoNode, run_nodes


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """One for all tests; OPENSEARCH_REQUIRED makes it a failure that there is none."""
    try:
        with run_nodes() as (node,):
            yield node
    except NoNode as error:
        if os.environ.get("OPENSEARCH_REQUIRED"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def cluster_kind(node: Node) -> ClusterKind:
    return ClusterKind(ClusterAddress((("127.0.0.1", node.port),), "outpost"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All go to one worker of xdist: each has a node of its own, whose start costs more than these tests side by side
    save."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.xdist_group("opensearch"))
