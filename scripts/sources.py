"""outpost sources."""

from __future__ import annotations

from typing import Any

import click

from outpost_client import Client
from outpost_client.answers import SourceHitDict
from scripts.options import limit_option, reject_unknown_options, target_options
from scripts.output import bold, replace_control_characters
from scripts.results import print_results

_MAX_IDS = 3


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, metavar="WORD…")
@click.option("--publisher", help="Publishers: comma = or, leading - = not.")
@click.option("--story", metavar="ID", help="Only the sources of this story.")
@click.option("--from", "from_", metavar="TIME", help="Earliest publication: 2025-01-31 or now-7d.")
@click.option("--to", metavar="TIME", help="Latest publication.")
@limit_option(10)
@target_options
def sources(words: tuple[str, ...], client: Client, as_json: bool, limit: int, **filters: Any) -> None:
    """Search the articles that stories cite."""
    reject_unknown_options(words)
    print_results(client.sources(" ".join(words), limit=limit, **filters), as_json, _print_source)


def _print_source(source: SourceHitDict) -> None:
    click.echo(bold(source["title"] or source["url"] or source["id"]))
    publisher = source["publisher"]["name"] if source["publisher"] else ""
    stories = source["story_ids"]
    more = f" and {len(stories) - _MAX_IDS} more" if len(stories) > _MAX_IDS else ""
    citing = f"cited by {', '.join(stories[:_MAX_IDS])}{more}"
    facts = [(source["published_at"] or "")[:10], publisher, source["url"], citing]
    click.secho(replace_control_characters(" · ".join(filter(None, facts))), dim=True)
