"""The plain Columns engine keeps the contract."""

from __future__ import annotations

from index.engines.columns import ColumnsKind
from tests.engines.contract import EngineContract


class TestColumns(EngineContract):
    kind = ColumnsKind()
