"""outpost timeline."""

from __future__ import annotations

import click

from scripts.client import Client, Json
from scripts.common import NOTHING_FOUND, matching_options, print_json, refuse_mistyped_options, target_options

# What of a date tells one stretch from the next.
_SHOWN = {"hour": 16, "day": 10, "week": 10, "month": 7, "year": 4}
_WIDTH = 40


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, metavar="WORD…")
@click.option("--interval", type=click.Choice(list(_SHOWN)), default="month", show_default=True, help="Of each bar.")
@matching_options
@target_options
def timeline(words: tuple[str, ...], interval: str, client: Client, as_json: bool, **filters: object) -> None:
    """Show when the stories of a search were published, as a chart."""
    refuse_mistyped_options(words)
    answer = client.timeline(" ".join(words), interval=interval, **filters)
    if as_json:
        for bucket in answer["buckets"]:
            print_json(bucket)
    else:
        _print_chart(answer, interval)
    if not answer["total"]:
        click.echo("nothing found", err=True)
        raise SystemExit(NOTHING_FOUND)


def _print_chart(answer: Json, interval: str) -> None:
    most = max((bucket["count"] for bucket in answer["buckets"]), default=0)
    digits = len(f"{most:,}")
    for bucket in answer["buckets"]:
        count = bucket["count"]
        # The least there is shows as something.
        bar = "█" * max(round(_WIDTH * count / most), bool(count))
        start = bucket["start"][: _SHOWN[interval]].replace("T", " ")
        click.echo(f"{start}  {count:>{digits},}  {bar}".rstrip())
    if answer["missing"]:
        click.echo(f"without a time: {answer['missing']:,}")
