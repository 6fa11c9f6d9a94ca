"""The columns keep the contract: built at once, grown by updates into several segments, and merged again."""

from __future__ import annotations

from index.engines.columns import ColumnsKind
from tests.engines.contract import EngineContract
from tests.engines.updated import ServesUpdated


class TestColumns(EngineContract):
    kind = ColumnsKind()


class TestColumnsInSegments(ServesUpdated, EngineContract):
    kind = ColumnsKind()


class TestColumnsMerged(ServesUpdated, EngineContract):
    kind = ColumnsKind()
    merged = True
