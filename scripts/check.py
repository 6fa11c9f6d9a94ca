"""outpost check."""

from __future__ import annotations

from pathlib import Path

import click

from api.settings import Settings
from index.stores import store_of
from index.stores.base import CheckedGeneration
from scripts.build import index_option
from scripts.common import clean, tell_failures

# As where nothing is found: it is not the command that failed.
_FAULTY = 1


@click.command()
@index_option
@tell_failures
def check(directory: Path | None) -> None:
    """Compare an index with its checksums: every byte of every generation is read.

    Prints a line for each generation and one for each fault. Exits with 1 where there is a fault.
    """
    faulty = False
    for checked in store_of(directory or Settings.from_env().place).check():
        if checked.name:
            click.echo(clean(_describe(checked)))
        for fault in checked.faults:
            faulty = True
            click.echo(clean(fault))
    if faulty:
        raise SystemExit(_FAULTY)


def _describe(checked: CheckedGeneration) -> str:
    role = ", current" if checked.current else ""
    count = len(checked.faults)
    found = f"{count} fault{'' if count == 1 else 's'}" if count else "no faults" if checked.complete else ""
    return f"{checked.name}{role}: {', '.join(filter(None, (checked.about, found)))}"
