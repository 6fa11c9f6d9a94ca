"""outpost export."""

from __future__ import annotations

import sys

import click

from scripts.client import Client
from scripts.common import NOTHING_FOUND, matching_options, refuse_mistyped_options, target_options


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, metavar="WORD…")
@click.option("--sort", type=click.Choice(["relevance", "newest", "oldest", "updated", "sources"]), help="Order.")
@matching_options
@target_options
def export(words: tuple[str, ...], client: Client, as_json: bool, **filters: object) -> None:
    """Write the stories of a search, or all of them, as NDJSON that can be built again."""
    refuse_mistyped_options(words)
    count = 0
    for line in client.export(" ".join(words), **filters):
        sys.stdout.buffer.write(line)
        count += 1
    if not count:
        click.echo("nothing found", err=True)
        raise SystemExit(NOTHING_FOUND)
