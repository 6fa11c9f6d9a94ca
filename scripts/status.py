"""outpost status."""

from __future__ import annotations

import click

from scripts.client import Client
from scripts.common import clean, print_json, target_options


@click.command()
@target_options
def status(client: Client, as_json: bool) -> None:
    """Tell what an index or a server holds."""
    answer = client.status()
    if as_json:
        print_json(answer)
        return
    for name, value in answer.items():
        shown = f"{value:,}" if isinstance(value, int) else str(value or "none")
        click.echo(clean(f"{name.replace('_', ' '):15}{shown}"))
