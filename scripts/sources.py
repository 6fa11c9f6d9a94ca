"""outpost sources."""

from __future__ import annotations

import click

from scripts.client import Client, Json
from scripts.common import bold, clean, print_all, refuse_mistyped_options, target_options


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, metavar="WORD…")
@click.option("--publisher", help="Publishers: comma = or, leading - = not.")
@click.option("--story", metavar="ID", help="Only the sources of this story.")
@click.option("--from", "from_", metavar="TIME", help="Published then or later: 2025-01-31, or now-7d.")
@click.option("--to", metavar="TIME", help="Published then or earlier.")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="How many at most.")
@target_options
def sources(words: tuple[str, ...], client: Client, as_json: bool, limit: int, **filters: object) -> None:
    """Search the articles behind the stories."""
    refuse_mistyped_options(words)
    print_all(client.sources(" ".join(words), limit=limit, **filters), as_json, _print_source)


def _print_source(source: Json) -> None:
    click.echo(bold(source["title"] or source["url"] or source["id"]))
    publisher = source["publisher"]["name"] if source["publisher"] else ""
    facts = [(source["published_at"] or "")[:10], publisher, source["url"] or ""]
    stories = source["story_ids"]
    cited = f"cited by {', '.join(stories[:3])}" + (f" and {len(stories) - 3} more" if len(stories) > 3 else "")
    click.secho(clean(" · ".join(filter(None, [*facts, cited]))), dim=True)
