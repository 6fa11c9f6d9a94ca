"""outpost import."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from index.readers.outpost_page import read_page
from scripts.errors import report_errors
from scripts.output import replace_control_characters

# Notes printed for one page: a page of 4 MB may have thousands.
MAX_NOTES = 100


@click.command("import")
@click.argument("pages", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PAGE…")
@report_errors
def import_page(pages: tuple[Path, ...]) -> None:
    """Convert story pages, copied from a browser, to lines of JSON that `outpost build` reads.

    Notes on standard error say what had to be guessed, such as the year. If one page is not a story page, nothing is
    printed.
    """
    parsed_pages = [(page, read_page(page)) for page in pages]
    for page, parsed in parsed_pages:
        for note in parsed.notes[:MAX_NOTES]:
            click.echo(replace_control_characters(f"{page}: {note}"), err=True)
        if len(parsed.notes) > MAX_NOTES:
            click.echo(replace_control_characters(f"{page}: {len(parsed.notes) - MAX_NOTES:,} more notes"), err=True)
        for story in parsed.stories:
            click.echo(msgspec.json.encode(story).decode())
