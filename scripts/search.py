"""outpost search."""

from __future__ import annotations

from typing import Any

import click

from outpost_client import Client
from scripts.options import filter_options, limit_option, reject_unknown_options, target_options
from scripts.output import print_hit
from scripts.results import print_results


# With ignore_unknown_options, "-intel" excludes a word; otherwise click would read it as an option.
@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, metavar="WORD…")
@filter_options
@click.option("--typo", type=click.Choice(["auto", "off"]), help="Whether to correct a query that finds nothing.")
@click.option("--sort", type=click.Choice(["relevance", "newest", "oldest", "updated", "sources"]), help="Order.")
@click.option("--recency", type=click.FloatRange(0, 1), help="How much newer stories rank higher, 0 to 1.")
@limit_option(10)
@target_options
def search(words: tuple[str, ...], client: Client, as_json: bool, limit: int, **filters: Any) -> None:
    """Search stories.

    All words must match. The query language has "exact phrase", -word, OR, ( ), prefix* and title:word.
    """
    reject_unknown_options(words)
    print_results(client.search(" ".join(words), limit=limit, **filters), as_json, print_hit)
