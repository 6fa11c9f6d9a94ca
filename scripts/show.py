"""outpost show."""

from __future__ import annotations

import click

from scripts.client import Client, Json
from scripts.common import bold, clean, describe_story, print_json, target_options


@click.command()
@click.argument("story", metavar="ID")
@target_options
def show(story: str, client: Client, as_json: bool) -> None:
    """Show a story with its sections, sources and related stories."""
    answer = client.story(story, include="sections,sources,related")
    if as_json:
        print_json(answer)
    else:
        print_story(answer)


def print_story(story: Json) -> None:
    click.echo(bold(story["title"]))
    curated = f"Curated by {story['curated_by']} · " if story["curated_by"] else ""
    click.secho(clean(curated + describe_story(story)), dim=True)
    if story["summary"]:
        click.echo("\n" + clean(story["summary"]))
    for section in story["sections"]:
        click.echo()
        if section["heading"]:
            click.echo(bold(section["heading"]))
        for paragraph in section["paragraphs"]:
            cited = "".join(f" [{number}]" for number in paragraph["citations"])
            click.echo(clean(paragraph["text"] + cited))
    if story["sources"]:
        click.echo("\n" + bold("Sources"))
        for source in story["sources"]:
            click.echo(clean(f"[{source['n']}] {describe_source(source)}"))
    if story["related"]:
        click.echo("\n" + bold("Related"))
        for related in story["related"]:
            click.echo(clean(f"{related['title']} ({related['reason'].replace('_', ' ')}, id {related['id']})"))


def describe_source(source: Json) -> str:
    """Title, publisher, address, as far as they are known."""
    publisher = source["publisher"]["name"] if source["publisher"] else ""
    return " · ".join(filter(None, [source["title"], publisher, source["url"]])) or "not named"
