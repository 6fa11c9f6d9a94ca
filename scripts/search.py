"""outpost search."""

from __future__ import annotations

import click

from scripts.client import Client
from scripts.common import matching_options, print_all, print_hit, refuse_mistyped_options, target_options


# Without ignore_unknown_options "-intel" would be an option and not the exclusion of a word.
@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, metavar="WORD…")
@matching_options
@click.option("--typo", type=click.Choice(["auto", "off"]), help="Whether a query that finds nothing is corrected.")
@click.option("--sort", type=click.Choice(["relevance", "newest", "oldest", "updated", "sources"]), help="Order.")
@click.option("--recency", type=click.FloatRange(0, 1), help="How much newer stories count for more, 0 to 1.")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="How many at most.")
@target_options
def search(words: tuple[str, ...], client: Client, as_json: bool, limit: int, **filters: object) -> None:
    """Search stories.

    All words must match; "exact phrase", -word, OR, ( ), prefix* and title:word are understood.
    """
    refuse_mistyped_options(words)
    print_all(client.search(" ".join(words), limit=limit, **filters), as_json, print_hit)
