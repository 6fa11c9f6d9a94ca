"""Options and fixtures that several kinds of tests share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def sample_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the sample. Tests must not change it."""
    # Imported here: numba takes a second, which a test that builds no index need not wait for.
    from index.indexer import build_index
    from tests.support.factories import SAMPLE

    root = tmp_path_factory.mktemp("sample") / "index"
    build_index(root, [SAMPLE])
    return root


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options for tests that take long: few repetitions by default, many when figures are measured."""
    parser.addoption("--kills", type=int, default=12, help="builds that are killed at random moments")
    parser.addoption("--faults", action="store_true", help="nodes of a cluster are killed, or have no room")
    parser.addoption("--switches", type=int, default=4, help="generations that are switched under load")
    parser.addoption("--attack", action="store_true", help="servers and builds are attacked: make attack")
    parser.addoption("--attack-requests", type=int, default=0, help="requests to each endpoint; 0: a minute in all")
