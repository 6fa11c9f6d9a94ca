"""The engines that keep an index in a directory. ``engine_kind`` is the only place that knows which there are."""

from __future__ import annotations

from index.engines.base import EngineKind
from index.engines.columns import ColumnsKind
from index.engines.whoosh import WhooshKind
from index.errors import UnknownEngine

_KINDS: dict[str, type[EngineKind]] = {"columns": ColumnsKind, "whoosh": WhooshKind}
DEFAULT_ENGINE = "columns"
ENGINES = tuple(_KINDS)
# Format versions from here on are those of Whoosh, smaller ones those of columns: the name of a generation ends in its
# format version and so tells the engine before any file is read.
_FIRST_WHOOSH_FORMAT = 1000


def engine_kind(name: str = DEFAULT_ENGINE) -> EngineKind:
    """The engine of this name. Raises UnknownEngine."""
    if name not in _KINDS:
        raise UnknownEngine(name, ENGINES)
    return _KINDS[name]()


def engine_kind_of(generation: str) -> EngineKind:
    """The engine that built the generation of this name, such as ``g7-s1-f5``."""
    version = generation.rpartition("-f")[2]
    is_whoosh = version.isdecimal() and int(version) >= _FIRST_WHOOSH_FORMAT
    return engine_kind("whoosh" if is_whoosh else "columns")
