"""outpost export."""

from __future__ import annotations

import sys
from typing import Any

import click

from outpost_client import Client
from scripts.errors import exit_nothing_found
from scripts.options import filter_options, reject_unknown_options, target_options


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, metavar="WORD…")
@click.option("--sort", type=click.Choice(["relevance", "newest", "oldest", "updated", "sources"]), help="Order.")
@filter_options
@target_options
def export(words: tuple[str, ...], client: Client, as_json: bool, **filters: Any) -> None:
    """Write the stories of a search, or all stories, as lines of JSON that `outpost build` reads."""
    reject_unknown_options(words)
    count = 0
    for line in client.export(" ".join(words), **filters):
        sys.stdout.buffer.write(line)
        count += 1
    if not count:
        exit_nothing_found()
