"""outpost related."""

from __future__ import annotations

import click

from scripts.client import Client, Json
from scripts.common import bold, clean, describe_story, print_all, target_options


@click.command()
@click.argument("story", metavar="ID")
@click.option("--limit", type=click.IntRange(1, 20), default=5, show_default=True, help="How many at most.")
@target_options
def related(story: str, limit: int, client: Client, as_json: bool) -> None:
    """Stories to go on with after the story ID, each with its reason."""
    print_all(client.related(story, limit), as_json, _print_related)


def _print_related(story: Json) -> None:
    click.echo(bold(story["title"]))
    reason = f"{story['reason'].replace('_', ' ')} {story['score']:.2f}"
    click.secho(clean(f"{reason} · {describe_story(story)}"), dim=True)
