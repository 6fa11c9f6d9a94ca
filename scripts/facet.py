"""outpost facet."""

from __future__ import annotations

import click

from scripts.client import Client, Json
from scripts.common import clean, matching_options, print_all, target_options


@click.command()
@click.argument("name", metavar="FACET")
@click.argument("beginnings", nargs=-1, metavar="[WORD…]")
@click.option("--search", help="Count only the stories that this search finds.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many at most.")
@matching_options
@target_options
def facet(name: str, beginnings: tuple[str, ...], limit: int, client: Client, as_json: bool, **filters: object) -> None:
    """List the values of a facet: topic, publisher, curator, language, domain, year or month.

    With words, those values of which a word begins with each.
    """
    values = client.facet_values(name, " ".join(beginnings), facet_size=limit, **filters)
    print_all(values, as_json, _print_value, apart=False)


def _print_value(value: Json) -> None:
    click.echo(clean(f"{value['count']:>9,}  {value['label']}  ({value['value']})"))
