"""Documents to a new generation: build aside, verify, switch. Whatever goes wrong, the old one stays."""

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

# So many faults are told; a file that is something else altogether has one a line.
MAX_FAULTS = 100
# Words of a title that the first story is searched by.
_MAX_WORDS = 100
Progress = Callable[[int, float], None]


class BuildReport(Struct, frozen=True, kw_only=True):
    """What a build did. ``bytes`` are those of the new generation on disk.

    ``rejects`` is the file of the refused lines, where there are any; ``left_out`` of them are not in it.
    """

    generation: str
    status: IndexStatus
    refused: int
    rejects: Path | None
    left_out: int
    seconds: float
    bytes: int


def build_index(
    place: Location | Store,
    files: Sequence[str | Path],
    *,
    skip_invalid: bool = False,
    progress: Progress = lambda count, share: None,
) -> BuildReport:
    """Build a generation of all stories in ``files`` and make it current.

    With ``skip_invalid`` refused lines go to ``rejects.ndjson`` (index.rejects), the others are built.
    ``progress`` is called with the number of stories so far and the share of the input read, 0 to 1.
    Raises InvalidDocuments, InputUnreadable, BuildRunning or BuildFailed; then nothing has changed.
    """

    def fill(building: Build, intake: _Intake) -> IndexStatus:
        return _write(building.make_writer(), intake.iter_accepted(files), progress)

    return _make_generation(place, fill, skip_invalid)


def update_index(
    place: Location | Store,
    files: Sequence[str | Path],
    *,
    skip_invalid: bool = False,
    progress: Progress = lambda count, share: None,
) -> BuildReport:
    """Add the stories in ``files`` to the current generation, each in place of the one of its id.

    Raises what build_index raises, and IndexUnavailable where there is nothing to go on from.
    """

    def fill(building: Build, intake: _Intake) -> IndexStatus:
        return _write(building.make_updater(), intake.iter_accepted(files), progress)

    return _make_generation(place, fill, skip_invalid, incremental=True)


def delete_stories(place: Location | Store, idents: Sequence[str]) -> tuple[BuildReport | None, list[str]]:
    """Take stories out of the current generation. Also tells which ids it does not have; None where it has none."""
    missing: list[str] = []

    def fill(building: Build, intake: _Intake) -> IndexStatus:
        updater = building.make_updater()
        for ident in dict.fromkeys(idents):
            (intake.deleted if updater.delete(ident) else missing).append(ident)
        if not intake.deleted:
            updater.abort()
            raise _NothingToDo
        return updater.finish()

    try:
        return _make_generation(place, fill, incremental=True), missing
    except _NothingToDo:
        return None, missing


def merge_index(place: Location | Store) -> BuildReport:
    """Write the current generation anew as one whole: nothing deleted is left in it. Raises what build_index raises."""

    def fill(building: Build, intake: _Intake) -> IndexStatus:
        return building.make_updater().merge()

    return _make_generation(place, fill, incremental=True)


class _NothingToDo(Exception):
    """Nothing would change."""


def _make_generation(
    place: Location | Store,
    fill: Callable[[Build, _Intake], IndexStatus],
    skip_invalid: bool = False,
    *,
    incremental: bool = False,
) -> BuildReport:
    """Let ``fill`` write a new generation, verify it, then make it current.

    ``incremental``: start from the current generation instead of an empty one.
    """
    started = time.monotonic()
    with store_of(place).begin(incremental=incremental) as building:
        with _Intake(building.rejects if skip_invalid else None) as intake:
            status = fill(building, intake)
        if not status.stories:
            raise BuildFailed("no story is left or was accepted, and an index of nothing would replace the running one")
        building.describe(status, intake.places.keys(), intake.deleted)
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
    """Lets stories in once each, and gathers what is refused: as faults to stop at, or into a file to go on."""

    def __init__(self, rejects: Path | None) -> None:
        self.first: Story | None = None
        self.places: dict[str, tuple[int, int]] = {}
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
        """How many refused lines had no room in the file of rejects."""
        return self._rejects.left_out if self._rejects else 0

    def iter_accepted(self, files: Sequence[str | Path]) -> Iterator[tuple[Story, float]]:
        """The stories to index, each with the share of the input read.

        Raises InvalidDocuments at the end of the input, or of the patience.
        """
        sizes = [_size_of(file) for file in files]
        for number, file in enumerate(files):
            for read in iter_stories(file):
                accepted = read if isinstance(read, RejectedLine) else self._admit(read, number, files)
                if isinstance(accepted, RejectedLine):
                    self._refuse(accepted)
                elif not self._faults:
                    # After the first fault the rest is only read for its faults.
                    self.first = self.first or accepted.story
                    share = (sum(sizes[:number]) + accepted.position) / max(1, sum(sizes))
                    # A file may have grown since.
                    yield accepted.story, min(share, 1.0)
        if self._faults:
            raise InvalidDocuments(self._faults)

    def _admit(self, read: AcceptedLine, number: int, files: Sequence[str | Path]) -> AcceptedLine | RejectedLine:
        earlier = self.places.setdefault(read.story.id, (number, read.line))
        if earlier == (number, read.line):
            return read
        problem = f"{read.story.id} stands already at {describe_path(files[earlier[0]])}:{earlier[1]}"
        fault = Fault(
            file=read.file, line=read.line, pointer="/id", problem=problem, allowed="an id that no other story has"
        )
        return RejectedLine(faults=(fault,), raw=read.raw)

    def _refuse(self, line: RejectedLine) -> None:
        self.refused += 1
        if self._rejects:
            self._rejects.add(line)
            return
        self._faults += line.faults
        if len(self._faults) >= MAX_FAULTS:
            raise InvalidDocuments(self._faults[:MAX_FAULTS], more=True)


def _size_of(file: str | Path) -> int:
    """Bytes of a file; 0 for one that is not there, of which reading it will tell."""
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
        # What the writer says while it lets go would hide the reason.
        with contextlib.suppress(Exception):
            writer.abort()
        raise


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    """Look for cycles rarely: of stories there are none, and looking through all that waits in memory takes 6
    to 16 % of a build."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _verify(engine: Engine, status: IndexStatus, first: Story | None) -> None:
    """Count what was built, and ask it for the first story that came in by id and by its title's words."""
    try:
        found = engine.search_stories(SearchQuery(limit=0)).total
        if found != status.stories:
            raise BuildFailed(f"{status.stories} stories were written, {found} can be found")
        if first is None:
            return
        if engine.find_stories([first.id]) != [first]:
            raise BuildFailed(f"story {first.id} was written and does not come back the same")
        # Its words, not the query that it would be: "-" and quotes mean nothing in a title.
        words = islice(WORD.findall(first.title), _MAX_WORDS)
        terms = tuple([Term(word, term) for word in words if (term := term_of(word)) is not None])
        if terms and not engine.search_stories(SearchQuery(tree=And(terms), search_in=STORY_DEFAULTS, limit=1)).total:
            raise BuildFailed(f"story {first.id} is not found by the words of its title")
    finally:
        engine.close()
