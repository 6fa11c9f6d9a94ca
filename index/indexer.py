"""Builds and updates an index: writes a new generation, verifies it, then makes it current.

After any error the old generation stays current.
"""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from msgspec import Struct

from index.analysis.schema import STORY_DEFAULTS, WORD, term_of
from index.documents.story import Story
from index.engines.base import Engine, GenerationWriter
from index.errors import BuildFailed, Fault, InvalidDocuments
from index.query.requests import SearchQuery
from index.query.results import IndexStatus
from index.query.tree import And, Term
from index.readers.ndjson import AcceptedLine, RejectedLine, describe_path, iter_stories
from index.rejects import RejectsFile
from index.stores import Location, store_of
from index.stores.base import Build, Store

# Faults that are reported. A file in another format has one on each line.
MAX_FAULTS = 100
# Words of a title that verification searches for.
_MAX_WORDS = 100
Progress = Callable[[int, float], None]


class BuildReport(Struct, frozen=True, kw_only=True):
    """The result of a build. ``bytes``: the size of the new generation.

    ``refused``: the number of invalid lines. ``rejects``: the file that lists them, None if there are none;
    ``left_out``: how many of them did not fit into that file.
    """

    generation: str
    status: IndexStatus
    refused: int
    rejects: Path | None
    left_out: int
    seconds: float
    bytes: int


def build_index(
    location: Location | Store,
    files: Sequence[str | Path],
    *,
    skip_invalid: bool = False,
    progress: Progress = lambda count, share: None,
) -> BuildReport:
    """Build a generation from all stories in ``files`` and make it current.

    ``skip_invalid``: write invalid lines to ``rejects.ndjson`` (index.rejects) and build the others. ``progress`` is
    called with the number of stories so far and the share of the input read, 0 to 1. Raises InvalidDocuments,
    InputUnreadable, BuildRunning or BuildFailed; after an error the index is unchanged.
    """

    def fill(building: Build, intake: _Intake) -> IndexStatus:
        return _write(building.make_writer(), intake.iter_accepted(files), progress)

    return _make_generation(location, fill, skip_invalid)


def update_index(
    location: Location | Store,
    files: Sequence[str | Path],
    *,
    skip_invalid: bool = False,
    progress: Progress = lambda count, share: None,
) -> BuildReport:
    """Add the stories in ``files`` to the current generation. A story replaces an existing one of the same id.

    Raises the errors of build_index, and IndexUnavailable if there is no usable index.
    """

    def fill(building: Build, intake: _Intake) -> IndexStatus:
        return _write(building.make_updater(), intake.iter_accepted(files), progress)

    return _make_generation(location, fill, skip_invalid, incremental=True)


def delete_stories(location: Location | Store, idents: Sequence[str]) -> tuple[BuildReport | None, list[str]]:
    """Remove stories from the current generation.

    Returns the report, None if no id was found, and the ids that were not found.
    """
    missing: list[str] = []

    def fill(building: Build, intake: _Intake) -> IndexStatus:
        updater = building.make_updater()
        for ident in dict.fromkeys(idents):
            (intake.deleted if updater.delete(ident) else missing).append(ident)
        if not intake.deleted:
            updater.abort()
            raise _NothingToDelete
        return updater.finish()

    try:
        return _make_generation(location, fill, incremental=True), missing
    except _NothingToDelete:
        return None, missing


def merge_index(location: Location | Store) -> BuildReport:
    """Merge the segments of the current generation into one, without deleted stories. Raises as build_index does."""

    def fill(building: Build, intake: _Intake) -> IndexStatus:
        return building.make_updater().merge()

    return _make_generation(location, fill, incremental=True)


class _NothingToDelete(Exception):
    """None of the ids is in the index."""


def _make_generation(
    location: Location | Store,
    fill: Callable[[Build, _Intake], IndexStatus],
    skip_invalid: bool = False,
    *,
    incremental: bool = False,
) -> BuildReport:
    """Let ``fill`` write a new generation, verify it, then make it current.

    ``incremental``: start from the current generation instead of an empty one.
    """
    started = time.monotonic()
    with store_of(location).begin(incremental=incremental) as building:
        with _Intake(building.rejects if skip_invalid else None) as intake:
            status = fill(building, intake)
        if not status.stories:
            raise BuildFailed("the new index would contain no stories; the old one was not replaced")
        building.describe(status, intake.first_lines.keys(), intake.deleted)
        rejects = building.keep_rejects(intake.refused)
        _verify(building.open(), status, intake.first)
        name, size = building.publish()
    seconds = time.monotonic() - started
    return BuildReport(
        generation=name,
        status=status,
        refused=intake.refused,
        rejects=rejects,
        left_out=intake.left_out,
        seconds=seconds,
        bytes=size,
    )


class _Intake:
    """Reads the input, refuses duplicate ids and collects invalid lines.

    With a file of ``rejects``, invalid lines are written there. Without, they end the build with InvalidDocuments.
    """

    def __init__(self, rejects: Path | None) -> None:
        self.first: Story | None = None
        # Story id -> (index of the file, line) of its first occurrence.
        self.first_lines: dict[str, tuple[int, int]] = {}
        self.refused = 0
        self.deleted: list[str] = []
        self._faults: list[Fault] = []
        self._rejects = RejectsFile(rejects) if rejects else None

    def __enter__(self) -> _Intake:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._rejects:
            self._rejects.close()

    @property
    def left_out(self) -> int:
        """How many invalid lines did not fit into the file of rejects."""
        return self._rejects.left_out if self._rejects else 0

    def iter_accepted(self, files: Sequence[str | Path]) -> Iterator[tuple[Story, float]]:
        """Yield the stories to index, each with the share of the input read, 0 to 1.

        Raises InvalidDocuments at the end of the input, or after MAX_FAULTS faults.
        """
        sizes = [_size_of(file) for file in files]
        for number, file in enumerate(files):
            for line in iter_stories(file):
                accepted = line if isinstance(line, RejectedLine) else self._check_id(line, number, files)
                if isinstance(accepted, RejectedLine):
                    self._refuse(accepted)
                elif not self._faults:
                    # After the first fault, the rest of the input is read only to report more faults.
                    self.first = self.first or accepted.story
                    share = (sum(sizes[:number]) + accepted.position) / max(1, sum(sizes))
                    # A file may have grown since its size was read.
                    yield accepted.story, min(share, 1.0)
        if self._faults:
            raise InvalidDocuments(self._faults)

    def _check_id(self, line: AcceptedLine, number: int, files: Sequence[str | Path]) -> AcceptedLine | RejectedLine:
        first = self.first_lines.setdefault(line.story.id, (number, line.line))
        if first == (number, line.line):
            return line
        problem = f"the id {line.story.id} is already used at {describe_path(files[first[0]])}:{first[1]}"
        fault = Fault(
            file=line.file, line=line.line, pointer="/id", problem=problem, allowed="an id that no other story has"
        )
        return RejectedLine(faults=(fault,), raw=line.raw)

    def _refuse(self, line: RejectedLine) -> None:
        self.refused += 1
        if self._rejects:
            self._rejects.add(line)
            return
        self._faults += line.faults
        if len(self._faults) >= MAX_FAULTS:
            raise InvalidDocuments(self._faults[:MAX_FAULTS], more=True)


def _size_of(file: str | Path) -> int:
    """The size of a file in bytes; 0 if it does not exist: reading it raises the error."""
    with contextlib.suppress(OSError):
        return Path(file).stat().st_size
    return 0


def _write(writer: GenerationWriter, stories: Iterator[tuple[Story, float]], progress: Progress) -> IndexStatus:
    try:
        with _rare_collections():
            for count, (story, share) in enumerate(stories, start=1):
                writer.add(story)
                progress(count, share)
            return writer.finish()
    except BaseException:
        # An error of abort would hide the first one.
        with contextlib.suppress(Exception):
            writer.abort()
        raise


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    """Run the cyclic garbage collector rarely: it takes 6 to 16 % of a build, and stories contain no cycles."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _verify(engine: Engine, status: IndexStatus, first: Story | None) -> None:
    """Check the number of stories, then find the first one by its id and by the words of its title.

    Raises BuildFailed.
    """
    try:
        total = engine.search_stories(SearchQuery(limit=0)).total
        if total != status.stories:
            raise BuildFailed(f"{status.stories} stories were written, but {total} can be found")
        if first is None:
            return
        if engine.find_stories([first.id]) != [first]:
            raise BuildFailed(f"story {first.id} cannot be read back unchanged")
        # Builds the query from words, not from text: "-" and quotes are no operators in a title.
        words = islice(WORD.findall(first.title), _MAX_WORDS)
        terms = tuple([Term(word, term) for word in words if (term := term_of(word)) is not None])
        if terms and not engine.search_stories(SearchQuery(tree=And(terms), search_in=STORY_DEFAULTS, limit=1)).total:
            raise BuildFailed(f"story {first.id} cannot be found by the words of its title")
    finally:
        engine.close()
