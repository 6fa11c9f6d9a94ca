"""outpost status."""

from __future__ import annotations

import click

from outpost_client import Client
from scripts.options import target_options
from scripts.output import print_json, replace_control_characters


@click.command()
@target_options
def status(client: Client, as_json: bool) -> None:
    """Show the size and age of an index."""
    answer = client.status()
    if as_json:
        print_json(answer)
        return
    for name, value in answer.items():
        text = f"{value:,}" if isinstance(value, int) else str(value or "none")
        click.echo(replace_control_characters(f"{name.replace('_', ' '):15}{text}"))
