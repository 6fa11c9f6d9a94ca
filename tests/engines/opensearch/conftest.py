"""A real OpenSearch for the tests that need one: skipped where this machine cannot run it, unless that is required."""

from __future__ import annotations

import os
from collections.abc import Iterator

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
