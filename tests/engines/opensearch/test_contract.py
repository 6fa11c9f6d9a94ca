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
# An extreme text takes two seconds.
_EXTREMES = ("blank", "words of about 255 letters", "words of about 255 bytes", "no blanks", "white space")


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

    @pytest.mark.parametrize("name", _EXTREMES)
    def test_a_story_of_an_extreme_text_is_found_wherever_it_is(self, name: str) -> None:
        super().test_a_story_of_an_extreme_text_is_found_wherever_it_is(name)

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
