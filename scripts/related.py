"""outpost related."""

from __future__ import annotations

import click

from outpost_client import Client
from outpost_client.answers import RelatedStoryDict
from scripts.options import limit_option, target_options
from scripts.output import bold, describe_story, replace_control_characters
from scripts.results import print_results


@click.command()
@click.argument("story", metavar="ID")
@limit_option(5, maximum=20)
@target_options
def related(story: str, limit: int, client: Client, as_json: bool) -> None:
    """List stories related to the story ID, each with the reason and its score."""
    print_results(client.related(story, limit), as_json, _print_related)


def _print_related(story: RelatedStoryDict) -> None:
    click.echo(bold(story["title"]))
    reason = f"{story['reason'].replace('_', ' ')} {story['score']:.2f}"
    click.secho(replace_control_characters(f"{reason} · {describe_story(story)}"), dim=True)
