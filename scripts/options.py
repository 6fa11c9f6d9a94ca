"""Options and arguments that several commands have."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from outpost_client import Client
from scripts.errors import report_errors

if TYPE_CHECKING:
    from api.settings import Settings
    from index.stores import Location

_DIRECTORY = click.Path(path_type=Path, file_okay=False)
_DEFAULT_INDEX = "default: OUTPOST_INDEX or var/index"

index_option = click.option(
    "--index", "directory", type=_DIRECTORY, metavar="DIR", help=f"Directory of the index ({_DEFAULT_INDEX})."
)


def find_location(directory: Path | None) -> Location:
    """The location of the index to write: ``directory``, or that of the environment."""
    return directory or read_settings(None).place


def read_settings(directory: Path | None) -> Settings:
    """The settings of the environment. A ``directory`` replaces them all."""
    # Imports the engine.
    from api.settings import Settings

    return Settings.from_env() if directory is None else Settings(index=directory)


def target_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--index`` and ``--url``, passed to the command as ``client``, and ``--json`` as ``as_json``."""

    @click.option(
        "--index",
        "directory",
        type=_DIRECTORY,
        metavar="DIR",
        help=f"Search the index in this directory ({_DEFAULT_INDEX}).",
    )
    @click.option("--url", metavar="URL", help="Ask the server at this address, such as http://127.0.0.1:8000.")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
    @functools.wraps(command)
    @report_errors
    def run(*args: Any, directory: Path | None, url: str | None, **kwargs: Any) -> None:
        command(*args, client=_make_client(directory, url), **kwargs)

    return run


def _make_client(directory: Path | None, url: str | None) -> Client:
    if directory and url:
        raise click.UsageError("--index and --url exclude each other.")
    if url is None:
        # Imports the engine and the web application.
        from scripts.local import make_local_client

        return make_local_client(read_settings(directory))
    if not re.match(r"https?://[^/\s]", url):
        raise click.UsageError(f"--url must start with http:// or https://, not {url!r}.")
    return Client(url)


_VALUES = "comma = or, leading - = not"
_FILTERS = (
    click.option("--topic", help=f"Topics: {_VALUES}."),
    click.option("--publisher", help=f"Publishers: {_VALUES}."),
    click.option("--curator", help=f"Curators: {_VALUES}."),
    click.option("--language", help=f"Languages: {_VALUES}."),
    click.option("--domain", help=f"Domains of the sources: {_VALUES}."),
    click.option("--year", help=f"Years of publication: {_VALUES}."),
    click.option("--month", help=f"Months of publication, such as 2025-01: {_VALUES}."),
    click.option("--from", "from_", metavar="TIME", help="Earliest publication: 2025-01-31 or now-7d."),
    click.option("--to", metavar="TIME", help="Latest publication."),
    click.option("--min-sources", type=int, help="Minimum number of sources."),
    click.option("--max-sources", type=int, help="Maximum number of sources."),
    click.option("--match", type=click.Choice(["all", "any"]), help="Whether all words must match, or any one."),
)


def filter_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the filters of a search, named as in the API."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command


def limit_option(default: int, maximum: int | None = None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add ``--limit``."""
    limits = click.IntRange(1, maximum)
    return click.option("--limit", type=limits, default=default, show_default=True, help="Maximum number of results.")


def reject_unknown_options(words: Iterable[str]) -> None:
    """Raise an error for words that start with two dashes: mistyped options, which would exclude a word."""
    for word in words:
        if word.startswith("--"):
            raise click.NoSuchOption(word)
