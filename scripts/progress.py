"""The progress of commands that write an index, and their reports."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from index.errors import InvalidDocuments
from index.indexer import BuildReport, Progress
from scripts.errors import CommandFailed
from scripts.output import format_count, replace_control_characters

# Without a terminal, progress is a line in a log: one every so many seconds.
_LOG_SECONDS = 5.0
_BAR_STEPS = 1000


def run_with_progress(run: Callable[[Progress], BuildReport]) -> None:
    """Call ``run``, show its progress, and print its report or the invalid lines of the input."""
    try:
        with _show_progress() as progress:
            report = run(progress)
    except InvalidDocuments as error:
        click.echo(replace_control_characters(str(error)), err=True)
        lines = format_count(len({(fault.file, fault.line) for fault in error.faults}), "invalid line")
        more = "; there may be more" if error.more else ""
        raise CommandFailed(f"{lines}{more}. Nothing was changed; --skip-invalid leaves invalid lines out.") from None
    print_report(report)


@contextmanager
def _show_progress() -> Iterator[Progress]:
    """A function that shows progress: as a bar on a terminal, else as lines."""
    if not sys.stderr.isatty():
        yield _make_logger()
        return
    with click.progressbar(length=_BAR_STEPS, label="reading", file=sys.stderr, show_eta=True) as bar:

        def advance(count: int, share: float) -> None:
            steps = int(share * _BAR_STEPS) - bar.pos
            if steps > 0:
                bar.label = f"{count:,} stories" if share < 1 else f"{count:,} stories, writing"
                bar.update(steps)

        yield advance


def _make_logger() -> Progress:
    started = logged = time.monotonic()

    def log(count: int, share: float) -> None:
        nonlocal logged
        now = time.monotonic()
        if now - logged >= _LOG_SECONDS:
            logged = now
            click.echo(f"{now - started:.0f} s: {count:,} stories, {share:.0%} of the input", err=True)

    return log


def print_report(report: BuildReport) -> None:
    """Print what was written, and where the refused lines are."""
    status = report.status
    click.echo(
        f"{report.generation}: {status.stories:,} stories, {status.sources:,} sources, "
        f"{status.publishers:,} publishers, "
        f"{report.refused:,} refused, {report.seconds:.1f} seconds, {report.bytes:,} bytes"
    )
    if report.rejects:
        left_out = f"; {report.left_out:,} more are not in it" if report.left_out else ""
        click.echo(f"refused lines, with reasons: {report.rejects}{left_out}", err=True)
