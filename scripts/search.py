"""outpost search."""

from __future__ import annotations

import click

from scripts.client import Client
from scripts.common import print_all, print_hit, target_options

_VALUES = "comma = or, leading - = not"


# Without ignore_unknown_options "-intel" would be an option and not the exclusion of a word.
@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, metavar="WORD…")
@click.option("--topic", help=f"Topics: {_VALUES}.")
@click.option("--publisher", help=f"Publishers: {_VALUES}.")
@click.option("--curator", help=f"Curators: {_VALUES}.")
@click.option("--language", help=f"Languages: {_VALUES}.")
@click.option("--domain", help=f"Domains of the sources: {_VALUES}.")
@click.option("--year", help=f"Years of publication: {_VALUES}.")
@click.option("--month", help=f"Months of publication, as 2025-01: {_VALUES}.")
@click.option("--from", "from_", metavar="TIME", help="Published then or later: 2025-01-31, or now-7d.")
@click.option("--to", metavar="TIME", help="Published then or earlier.")
@click.option("--min-sources", type=int, help="At least so many sources.")
@click.option("--max-sources", type=int, help="At most so many sources.")
@click.option("--match", type=click.Choice(["all", "any"]), help="Whether all words must match.")
@click.option("--sort", type=click.Choice(["relevance", "newest", "oldest", "updated", "sources"]), help="Order.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=10, show_default=True, help="How many at most.")
@target_options
def search(words: tuple[str, ...], client: Client, as_json: bool, limit: int, **filters: object) -> None:
    """Search stories.

    All words must match; "exact phrase", -word, OR, ( ), prefix* and title:word are understood.
    """
    refuse_mistyped_options(words)
    print_all(client.search(" ".join(words), limit=limit, **filters), as_json, print_hit)


def refuse_mistyped_options(words: tuple[str, ...]) -> None:
    """What begins with two dashes is meant as an option, and must not become a word to exclude."""
    for word in words:
        if word.startswith("--"):
            raise click.NoSuchOption(word)
