"""Results of a command, printed one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click

from scripts.errors import exit_nothing_found
from scripts.output import print_json

Result = TypeVar("Result", bound=Mapping[str, Any])


def print_results(
    results: Iterable[Result], as_json: bool, print_one: Callable[[Result], None], *, blank_lines: bool = True
) -> None:
    """Print results as they arrive, with ``blank_lines`` between them. Exits with 1 if there are none."""
    count = 0
    for result in results:
        if as_json:
            print_json(result)
        else:
            if count and blank_lines:
                click.echo()
            print_one(result)
        count += 1
    if not count:
        exit_nothing_found()
