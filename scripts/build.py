"""outpost build."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from api.settings import Settings
from index.engines import ENGINES
from index.errors import InvalidDocuments
from index.indexer import BuildReport, Progress, build_index
from index.stores import store_of
from scripts.common import Failure, clean, tell_failures

# A log that is read by people: a line every so many seconds.
_LOG_EVERY = 5.0


index_option = click.option(
    "--index", "directory", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Where the index is kept (default: OUTPOST_INDEX or var/index).",
)  # fmt: skip


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…")
@index_option
@click.option("--skip-invalid", is_flag=True, help="Build without the lines that are refused; they go to a file.")
@click.option(
    "--engine", type=click.Choice(ENGINES), help="In a directory: columns (default), or whoosh, slow and simple."
)
@click.option("--shards", type=click.IntRange(1, 1024), help="On a cluster: parts of the index (default: 1).")
@click.option("--replicas", type=click.IntRange(0, 10), help="On a cluster: copies of each part (default: 1).")
@tell_failures
def build(
    files: tuple[Path, ...],
    directory: Path | None,
    skip_invalid: bool,
    engine: str | None,
    shards: int | None,
    replicas: int | None,
) -> None:
    """Build an index of the stories in FILE… (a JSON object a line, plain or gzip) and switch to it.

    Whatever goes wrong, the index that was there before stays. Servers take the new one by themselves.
    """
    settings = Settings.from_env()
    place = directory or settings.place
    if engine and not isinstance(place, Path):
        raise click.UsageError("--engine is for an index in a directory: OUTPOST_ENGINE names a cluster.")
    if isinstance(place, Path) and not shards is replicas is None:
        raise click.UsageError("--shards and --replicas are for an index on a cluster: OUTPOST_ENGINE names one.")
    engine = engine or settings.directory_engine
    store = store_of(place, engine=engine, shards=shards or 1, replicas=1 if replicas is None else replicas)
    run_with_progress(lambda progress: build_index(store, files, skip_invalid=skip_invalid, progress=progress))


def run_with_progress(run: Callable[[Progress], BuildReport]) -> None:
    """Show how far it is, and at the end what was done or every fault of the input."""
    try:
        with _show_progress() as progress:
            report = run(progress)
    except InvalidDocuments as error:
        click.echo(clean(str(error)), err=True)
        more = "; there may be more" if error.more else ""
        raise Failure(
            f"{len(error.faults)} faults{more}. Nothing was changed; --skip-invalid builds the other lines."
        ) from None
    summarise(report)


@contextmanager
def _show_progress() -> Iterator[Progress]:
    """A bar on a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        yield _make_logger()
        return
    with click.progressbar(length=1000, label="reading", file=sys.stderr, show_eta=True) as bar:

        def advance(count: int, share: float) -> None:
            done = int(share * 1000) - bar.pos
            if done > 0:
                bar.label = f"{count:,} stories" if share < 1 else f"{count:,} stories, writing"
                bar.update(done)

        yield advance


def _make_logger() -> Progress:
    started = told = time.monotonic()

    def log(count: int, share: float) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= _LOG_EVERY:
            told = now
            click.echo(f"{now - started:.0f} s: {count:,} stories, {share:.0%} of the input", err=True)

    return log


def summarise(report: BuildReport) -> None:
    status = report.status
    click.echo(
        f"{report.generation}: {status.stories:,} stories, {status.sources:,} sources, "
        f"{status.publishers:,} publishers, "
        f"{report.refused:,} refused, {report.seconds:.1f} seconds, {report.bytes:,} bytes"
    )
    if report.rejects:
        left_out = f"; {report.left_out:,} more are not in it" if report.left_out else ""
        click.echo(f"refused lines, with reasons: {report.rejects}{left_out}", err=True)
