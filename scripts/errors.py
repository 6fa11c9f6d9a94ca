"""Exit codes, and errors as messages on standard error."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec

import click

from index.errors import OutpostError
from outpost_client import ClientError, NotFoundError
from scripts.output import replace_control_characters

P = ParamSpec("P")
NOTHING_FOUND = 1


class CommandFailed(click.ClickException):
    """Ends the command with its message and exit code 2."""

    exit_code = 2


def report_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Turn expected errors into a message and an exit code: 1 if a document does not exist, else 2."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except NotFoundError as error:
            near = f"; similar ids: {', '.join(error.near)}" if error.near else ""
            click.echo(replace_control_characters(str(error) + near), err=True)
            raise SystemExit(NOTHING_FOUND) from None
        except (OutpostError, ClientError) as error:
            raise CommandFailed(replace_control_characters(str(error))) from error

    return run


def exit_nothing_found() -> None:
    click.echo("nothing found", err=True)
    raise SystemExit(NOTHING_FOUND)
