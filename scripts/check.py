"""outpost check."""

from __future__ import annotations

from pathlib import Path

import click

from index.stores import store_of
from index.stores.base import CheckedGeneration
from scripts.errors import report_errors
from scripts.options import find_location, index_option
from scripts.output import format_count, replace_control_characters

_EXIT_DAMAGED = 1


@click.command()
@index_option
@report_errors
def check(directory: Path | None) -> None:
    """Verify the checksums of an index: reads every byte of every generation.

    Prints a line for each generation and for each fault. Exits with 1 if there is a fault.
    """
    damaged = False
    for generation in store_of(find_location(directory)).check():
        if generation.name:
            click.echo(replace_control_characters(_describe_generation(generation)))
        for fault in generation.faults:
            damaged = True
            click.echo(replace_control_characters(fault))
    if damaged:
        raise SystemExit(_EXIT_DAMAGED)


def _describe_generation(generation: CheckedGeneration) -> str:
    role = ", current" if generation.current else ""
    faults = ""
    if generation.faults:
        faults = format_count(len(generation.faults), "fault")
    elif generation.complete:
        faults = "no faults"
    return f"{generation.name}{role}: {', '.join(filter(None, (generation.about, faults)))}"
