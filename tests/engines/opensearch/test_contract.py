"""The cluster keeps the contract, built at once and updated in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.engines.contract import EngineContract
from tests.engines.opensearch.kind import ClusterKind
from tests.engines.updated import ServesUpdated

# Each example costs 0.2 seconds here and 0.01 elsewhere: of 20 that Hypothesis makes so many are tried.
_TRIED, _MADE = 4, 20


class OnCluster(EngineContract):
    _examples = 0
    _failed = False

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _on_cluster(cls, cluster_kind: ClusterKind) -> None:
        cls.kind = cluster_kind

    def execute_example(self, check: Callable[[], Any]) -> Any:
        """Called by Hypothesis; once one has failed all are tried, so that the smallest is found."""
        self._examples += 1
        if self._failed or self._examples % (_MADE // _TRIED) == 0:
            try:
                return check()
            except BaseException:
                self._failed = True
                raise

    @contextmanager
    def make_directories(self, count: int) -> Iterator[list[Path]]:
        kind = self.kind
        assert isinstance(kind, ClusterKind)
        with super().make_directories(count) as directories:
            try:
                yield directories
            finally:
                kind.give_back(directories[0])


@pytest.mark.xdist_group("opensearch")
class TestCluster(OnCluster):
    pass


@pytest.mark.xdist_group("opensearch")
class TestClusterUpdated(ServesUpdated, OnCluster):
    pass
