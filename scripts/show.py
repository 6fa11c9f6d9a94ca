"""outpost show."""

from __future__ import annotations

import click

from outpost_client import Client
from outpost_client.answers import StoryDict, StorySourceDict
from scripts.options import target_options
from scripts.output import bold, describe_story, print_json, replace_control_characters


@click.command()
@click.argument("story", metavar="ID")
@target_options
def show(story: str, client: Client, as_json: bool) -> None:
    """Show the story ID with its sections, sources and related stories."""
    answer = client.story(story, include="sections,sources,related")
    if as_json:
        print_json(answer)
    else:
        _print_story(answer)


def _print_story(story: StoryDict) -> None:
    click.echo(bold(story["title"]))
    curator = f"Curated by {story['curated_by']} · " if story["curated_by"] else ""
    click.secho(replace_control_characters(curator + describe_story(story)), dim=True)
    if story["summary"]:
        click.echo("\n" + replace_control_characters(story["summary"]))
    for section in story["sections"]:
        click.echo()
        if section["heading"]:
            click.echo(bold(section["heading"]))
        for paragraph in section["paragraphs"]:
            citations = "".join(f" [{number}]" for number in paragraph["citations"])
            click.echo(replace_control_characters(paragraph["text"] + citations))
    if story["sources"]:
        click.echo("\n" + bold("Sources"))
        for source in story["sources"]:
            click.echo(replace_control_characters(f"[{source['n']}] {_describe_source(source)}"))
    if story["related"]:
        click.echo("\n" + bold("Related"))
        for related in story["related"]:
            line = f"{related['title']} ({related['reason'].replace('_', ' ')}, id {related['id']})"
            click.echo(replace_control_characters(line))


def _describe_source(source: StorySourceDict) -> str:
    """Title, publisher and URL, as far as they are known."""
    publisher = source["publisher"]["name"] if source["publisher"] else ""
    return " · ".join(filter(None, [source["title"], publisher, source["url"]])) or "unnamed source"
