"""outpost facet."""

from __future__ import annotations

from typing import Any

import click

from outpost_client import Client
from outpost_client.answers import FacetValueDict
from scripts.options import filter_options, limit_option, target_options
from scripts.output import replace_control_characters
from scripts.results import print_results


@click.command()
@click.argument("name", metavar="FACET")
@click.argument("prefixes", nargs=-1, metavar="[WORD…]")
@click.option("--search", help="Count only the stories that this search finds.")
@limit_option(20, maximum=100)
@filter_options
@target_options
def facet(name: str, prefixes: tuple[str, ...], limit: int, client: Client, as_json: bool, **filters: Any) -> None:
    """List the values of FACET: topic, publisher, curator, language, domain, year or month.

    With words: only values that have a word starting with each of them.
    """
    values = client.facet_values(name, " ".join(prefixes), facet_size=limit, **filters)
    print_results(values, as_json, _print_value, blank_lines=False)


def _print_value(value: FacetValueDict) -> None:
    click.echo(replace_control_characters(f"{value['count']:>9,}  {value['label']}  ({value['value']})"))
