"""outpost import."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from index.readers.outpost_page import read_page
from scripts.common import clean, tell_failures

# Notes of a page that are told: a paragraph may have one, and thousands are in 4 MB.
MAX_NOTES = 100


@click.command("import")
@click.argument("pages", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PAGE…")
@tell_failures
def import_page(pages: tuple[Path, ...]) -> None:
    """Print the stories of story pages copied from a browser, a JSON object a line.

    What had to be inferred, such as the year, is told on standard error. Nothing is printed when one of the
    pages is something else.
    """
    read = [(page, read_page(page)) for page in pages]
    for page, parsed in read:
        for note in parsed.notes[:MAX_NOTES]:
            click.echo(clean(f"{page}: {note}"), err=True)
        if len(parsed.notes) > MAX_NOTES:
            click.echo(clean(f"{page}: {len(parsed.notes) - MAX_NOTES:,} more notes"), err=True)
        for story in parsed.stories:
            click.echo(msgspec.json.encode(story).decode())
