"""The default engine: arrays in memory-mapped files, searched by kernels that numba compiles."""

from __future__ import annotations

from pathlib import Path

import msgspec

from index.engines.columns.build.updater import ColumnsUpdater
from index.engines.columns.build.writer import ColumnsWriter
from index.engines.columns.engine import ColumnsEngine
from index.engines.columns.format.layout import FORMAT_VERSION
from index.errors import IndexDamaged
from index.files.disk import make_unreadable_error
from index.query.results import IndexStatus


class ColumnsKind:
    """The EngineKind (index.engines.base) of the columns engine."""

    name = "columns"
    format_version = FORMAT_VERSION

    def make_writer(self, directory: Path) -> ColumnsWriter:
        return ColumnsWriter(directory)

    def make_updater(self, directory: Path, base: Path) -> ColumnsUpdater:
        return ColumnsUpdater(directory, base)

    def open(self, directory: Path, status: IndexStatus) -> ColumnsEngine:
        try:
            return ColumnsEngine(directory, status)
        except OSError as error:
            raise make_unreadable_error(directory, Path(error.filename or directory).name, error) from error
        except (ValueError, TypeError, KeyError, EOFError, msgspec.MsgspecError) as error:
            raise IndexDamaged(directory, f"{type(error).__name__}: {error}") from error
