"""outpost timeline."""

from __future__ import annotations

from typing import Any

import click

from outpost_client import Client
from outpost_client.answers import TimelineDict
from scripts.errors import exit_nothing_found
from scripts.options import filter_options, reject_unknown_options, target_options
from scripts.output import print_json

# Characters of a bucket's start that its interval needs: 2025-01 for a month.
_START_LENGTHS = {"hour": 16, "day": 10, "week": 10, "month": 7, "year": 4}
_MAX_BAR = 40


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, metavar="WORD…")
@click.option(
    "--interval", type=click.Choice(list(_START_LENGTHS)), default="month", show_default=True,
    help="Interval of each bar.",
)  # fmt: skip
@filter_options
@target_options
def timeline(words: tuple[str, ...], interval: Any, client: Client, as_json: bool, **filters: Any) -> None:
    """Chart when the stories of a search were published."""
    reject_unknown_options(words)
    answer = client.timeline(" ".join(words), interval=interval, **filters)
    if as_json:
        for bucket in answer["buckets"]:
            print_json(bucket)
    else:
        _print_chart(answer)
    if not answer["total"]:
        exit_nothing_found()


def _print_chart(answer: TimelineDict) -> None:
    highest = max((bucket["count"] for bucket in answer["buckets"]), default=0)
    digits = len(f"{highest:,}")
    for bucket in answer["buckets"]:
        count = bucket["count"]
        # Any count above zero has a bar.
        bar = "█" * max(round(_MAX_BAR * count / highest), bool(count))
        start = bucket["start"][: _START_LENGTHS[answer["interval"]]].replace("T", " ")
        click.echo(f"{start}  {count:>{digits},}  {bar}".rstrip())
    if answer["missing"]:
        click.echo(f"without a publication time: {answer['missing']:,}")
