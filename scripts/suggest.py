"""outpost suggest."""

from __future__ import annotations

import click

from index.suggestions import MAX_SUGGESTIONS
from scripts.client import Client, Json
from scripts.common import NOTHING_FOUND, clean, mark_html, print_json, target_options


@click.command()
@click.argument("text", nargs=-1, metavar="[WORD…]")
@click.option(
    "--limit", type=click.IntRange(1, MAX_SUGGESTIONS), default=10, show_default=True, help="How many at most."
)
@target_options
def suggest(text: tuple[str, ...], client: Client, as_json: bool, limit: int) -> None:
    """Complete what somebody types; without a word, what is current.

    The last word may be unfinished; end it with a blank where it is not.
    """
    found = client.suggest(" ".join(text), limit)
    for one in found:
        if as_json:
            print_json(one)
        else:
            _print(one)
    if not found:
        click.echo("nothing found", err=True)
        raise SystemExit(NOTHING_FOUND)


def _print(one: Json) -> None:
    """The type, the text, and where it leads."""
    where = f"id {one['id']}" if one["type"] == "story" else f"{one['count']} stor{'y' if one['count'] == 1 else 'ies'}"
    click.echo(f"{one['type']:<10}{mark_html(one['highlight'])}  " + click.style(clean(where), dim=True))
