"""The plain Whoosh engine keeps the contract."""

from __future__ import annotations

from index.engines.whoosh import WhooshKind
from tests.engines.contract import EngineContract


class TestWhoosh(EngineContract):
    kind = WhooshKind()
