"""The plain Whoosh engine keeps the contract, built at once and updated."""

from __future__ import annotations

from index.engines.whoosh import WhooshKind
from tests.engines.contract import EngineContract
from tests.engines.updated import ServesUpdated


class TestWhoosh(EngineContract):
    kind = WhooshKind()


class TestWhooshUpdated(ServesUpdated, EngineContract):
    kind = WhooshKind()
