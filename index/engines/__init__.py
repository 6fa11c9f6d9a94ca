"""Engines answer questions over a generation. ``engine_kind`` is the only place that knows which there are."""

from __future__ import annotations

from index.engines.base import EngineKind
from index.engines.columns import ColumnsKind
from index.engines.whoosh import WhooshKind
from index.errors import UnknownEngine

_KINDS: dict[str, type[EngineKind]] = {"columns": ColumnsKind, "whoosh": WhooshKind}


def engine_kind(name: str = "columns") -> EngineKind:
    """The engine of this name. Raises UnknownEngine."""
    if name not in _KINDS:
        raise UnknownEngine(name, tuple(_KINDS))
    return _KINDS[name]()
