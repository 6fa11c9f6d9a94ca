"""Plain Whoosh, exhaustive: the first engine, afterwards the slow twin of the tests."""

from __future__ import annotations

from pathlib import Path

from index.engines.whoosh.engine import WhooshEngine
from index.engines.whoosh.fields import FORMAT_VERSION
from index.engines.whoosh.updater import WhooshUpdater
from index.engines.whoosh.writer import WhooshWriter
from index.errors import IndexDamaged
from index.files.disk import make_unreadable_error
from index.query.results import IndexStatus


class WhooshKind:
    """The EngineKind (index.engines.base) of this engine."""

    name = "whoosh"
    format_version = FORMAT_VERSION

    def make_writer(self, directory: Path) -> WhooshWriter:
        return WhooshWriter(directory)

    def make_updater(self, directory: Path, base: Path) -> WhooshUpdater:
        return WhooshUpdater(directory, base)

    def open(self, directory: Path, status: IndexStatus) -> WhooshEngine:
        try:
            return WhooshEngine(directory, status)
        except OSError as error:
            raise make_unreadable_error(directory, Path(error.filename or directory).name, error) from error
        except Exception as error:  # Whoosh's files hold pickles, and a damaged pickle raises anything
            raise IndexDamaged(directory, f"{type(error).__name__}: {error}") from error
