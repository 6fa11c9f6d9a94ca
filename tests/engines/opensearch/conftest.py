"""A real OpenSearch for the tests that need one: skipped where this machine cannot run it, unless that is required."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from index.engines.opensearch.connection.address import ClusterAddress
from tests.engines.opensearch.kind import ClusterKind
from tests.engines.opensearch.nodes import run_or_skip
from tools.opensearch_node import Node


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """One for all tests."""
    with run_or_skip() as (node,):
        yield node


@pytest.fixture(scope="session")
def cluster_kind(node: Node) -> ClusterKind:
    return ClusterKind(ClusterAddress((("127.0.0.1", node.port),), "outpost"))
