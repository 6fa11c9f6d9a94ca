"""outpost suggest."""

from __future__ import annotations

import click

from outpost_client import Client
from outpost_client.answers import SuggestionDict
from scripts.options import limit_option, target_options
from scripts.output import format_count, render_highlight, replace_control_characters
from scripts.results import print_results


@click.command()
@click.argument("text", nargs=-1, metavar="[WORD…]")
@limit_option(10, maximum=10)
@target_options
def suggest(text: tuple[str, ...], client: Client, as_json: bool, limit: int) -> None:
    """Complete the text of a search box. Without words, list trending topics.

    The last word may be unfinished. A space after it says that it is finished.
    """
    print_results(client.suggest(" ".join(text), limit), as_json, _print_suggestion, blank_lines=False)


def _print_suggestion(suggestion: SuggestionDict) -> None:
    """Type, text, and the id of a story or the number of stories."""
    is_story = suggestion["type"] == "story"
    target = f"id {suggestion['id']}" if is_story else format_count(suggestion["count"], "story", "stories")
    text = render_highlight(suggestion["highlight"])
    click.echo(f"{suggestion['type']:<10}{text}  " + click.style(replace_control_characters(target), dim=True))
