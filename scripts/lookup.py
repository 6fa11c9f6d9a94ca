"""outpost lookup."""

from __future__ import annotations

import click

from outpost_client import Client
from scripts.options import limit_option, target_options
from scripts.output import print_hit
from scripts.results import print_results


@click.command()
@click.argument("article", metavar="URL")
@limit_option(10)
@target_options
def lookup(article: str, limit: int, client: Client, as_json: bool) -> None:
    """Find the stories that cite the article at URL.

    Scheme, www., tracking parameters, fragment and a slash at the end make no difference.
    """
    print_results(client.lookup(article, limit=limit), as_json, print_hit)
