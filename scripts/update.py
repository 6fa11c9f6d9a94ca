"""outpost update, delete and merge."""

from __future__ import annotations

from pathlib import Path

import click

from api.settings import Settings
from index.indexer import delete_stories, merge_index, update_index
from scripts.build import index_option, run_with_progress, summarise
from scripts.common import NOTHING_FOUND, clean, tell_failures


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…")
@index_option
@click.option("--skip-invalid", is_flag=True, help="Take the lines that are not refused; the others go to a file.")
@tell_failures
def update(files: tuple[Path, ...], directory: Path | None, skip_invalid: bool) -> None:
    """Add the stories in FILE… to the index, each in place of the one of its id."""
    root = directory or Settings.from_env().place
    run_with_progress(lambda progress: update_index(root, files, skip_invalid=skip_invalid, progress=progress))


@click.command()
@click.argument("stories", nargs=-1, required=True, metavar="ID…")
@index_option
@tell_failures
def delete(stories: tuple[str, ...], directory: Path | None) -> None:
    """Take stories out of the index."""
    report, missing = delete_stories(directory or Settings.from_env().place, stories)
    for ident in missing:
        click.echo(clean(f"no story {ident!r}"), err=True)
    if report is None:
        raise SystemExit(NOTHING_FOUND)
    summarise(report)


@click.command()
@index_option
@tell_failures
def merge(directory: Path | None) -> None:
    """Write the index anew as one segment, without what was deleted."""
    summarise(merge_index(directory or Settings.from_env().place))
