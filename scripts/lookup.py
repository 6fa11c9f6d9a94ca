"""outpost lookup."""

from __future__ import annotations

import click

from scripts.client import Client
from scripts.common import print_all, print_hit, target_options


@click.command()
@click.argument("article", metavar="URL")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="How many at most.")
@target_options
def lookup(article: str, limit: int, client: Client, as_json: bool) -> None:
    """Find the stories that cite the article at URL, however it is spelled."""
    print_all(client.lookup(article, limit=limit), as_json, print_hit)
