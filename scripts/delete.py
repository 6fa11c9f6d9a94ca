"""outpost delete."""

from __future__ import annotations

from pathlib import Path

import click

from index.indexer import delete_stories
from scripts.errors import NOTHING_FOUND, report_errors
from scripts.options import find_location, index_option
from scripts.output import replace_control_characters
from scripts.progress import print_report


@click.command()
@click.argument("stories", nargs=-1, required=True, metavar="ID…")
@index_option
@report_errors
def delete(stories: tuple[str, ...], directory: Path | None) -> None:
    """Delete the stories with these IDs from the index."""
    report, missing = delete_stories(find_location(directory), stories)
    for story_id in missing:
        click.echo(replace_control_characters(f"no story {story_id!r}"), err=True)
    if report is None:
        raise SystemExit(NOTHING_FOUND)
    print_report(report)
