"""What the tests of all engines need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from index.engines.columns.search import deadline


@pytest.fixture(scope="module", autouse=True)
def unhurried() -> Iterator[None]:
    """What is found is asked here, not how soon: a machine that stands still for a second gives up no search."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deadline, "MAX_SECONDS", 60.0)
        yield
