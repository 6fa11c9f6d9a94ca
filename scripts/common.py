"""What the commands share: where to ask (an index or a server), how failures are told, how results are printed."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable
from html import unescape
from pathlib import Path
from typing import Any, ParamSpec

import click

from api.settings import Settings
from index.errors import OutpostError
from scripts.client import Client, ClientError, Json, Missing
from scripts.local import make_local_client

P = ParamSpec("P")
NOTHING_FOUND = 1
# What a terminal would take as a command; the API's own answers hold none, another server's might.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Failure(click.ClickException):
    """Told on standard error, with exit code 2."""

    exit_code = 2


def tell_failures(command: Callable[P, None]) -> Callable[P, None]:
    """Turn the errors that Outpost raises on purpose into a message and an exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except Missing as error:
            near = f"; similar ids: {', '.join(error.near)}" if error.near else ""
            click.echo(clean(error.detail + near), err=True)
            raise SystemExit(NOTHING_FOUND) from None
        except (OutpostError, ClientError) as error:
            raise Failure(clean(str(error))) from error

    return run


def target_options(command: Callable[..., None]) -> Callable[..., None]:
    """``--index`` or ``--url`` as an argument ``client``, and ``--json``."""

    @click.option(
        "--index", "directory", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
        help="Ask the index in this directory (default: OUTPOST_INDEX or var/index).",
    )  # fmt: skip
    @click.option("--url", metavar="URL", help="Ask the server at this address, as http://127.0.0.1:8000.")
    @click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for scripts.")
    @functools.wraps(command)
    @tell_failures
    def run(*args: Any, directory: Path | None, url: str | None, **kwargs: Any) -> None:
        command(*args, client=_make_client(directory, url), **kwargs)

    return run


def find_settings(directory: Path | None) -> Settings:
    """Those of the environment; a directory that is named is meant, whatever they say."""
    settings = Settings.from_env()
    return settings if directory is None else Settings(index=directory)


_VALUES = "comma = or, leading - = not"
_MATCHING = (
    click.option("--topic", help=f"Topics: {_VALUES}."),
    click.option("--publisher", help=f"Publishers: {_VALUES}."),
    click.option("--curator", help=f"Curators: {_VALUES}."),
    click.option("--language", help=f"Languages: {_VALUES}."),
    click.option("--domain", help=f"Domains of the sources: {_VALUES}."),
    click.option("--year", help=f"Years of publication: {_VALUES}."),
    click.option("--month", help=f"Months of publication, as 2025-01: {_VALUES}."),
    click.option("--from", "from_", metavar="TIME", help="Published then or later: 2025-01-31, or now-7d."),
    click.option("--to", metavar="TIME", help="Published then or earlier."),
    click.option("--min-sources", type=int, help="At least so many sources."),
    click.option("--max-sources", type=int, help="At most so many sources."),
    click.option("--match", type=click.Choice(["all", "any"]), help="Whether all words must match."),
)


def matching_options(command: Callable[..., None]) -> Callable[..., None]:
    """What narrows a search, by the names that the API has for it."""
    for option in reversed(_MATCHING):
        command = option(command)
    return command


def refuse_mistyped_options(words: tuple[str, ...]) -> None:
    """What begins with two dashes is meant as an option, and must not become a word to exclude."""
    for word in words:
        if word.startswith("--"):
            raise click.NoSuchOption(word)


def _make_client(directory: Path | None, url: str | None) -> Client:
    if directory and url:
        raise click.UsageError("--index and --url exclude each other.")
    if url is None:
        return make_local_client(find_settings(directory))
    if not re.match(r"https?://[^/\s]", url):
        raise click.UsageError(f"--url {url!r}: an address that begins with http:// or https:// is needed.")
    return Client(url)


def print_all(entries: Iterable[Json], as_json: bool, show: Callable[[Json], None], *, apart: bool = True) -> None:
    """Print each entry, ``apart`` by an empty line; exit 1 when there is none."""
    found = False
    for entry in entries:
        if as_json:
            print_json(entry)
        else:
            if found and apart:
                click.echo()
            show(entry)
        found = True
    if not found:
        click.echo("nothing found", err=True)
        raise SystemExit(NOTHING_FOUND)


def print_json(entry: Json) -> None:
    click.echo(json.dumps(entry, ensure_ascii=False))


def print_hit(story: Json) -> None:
    """Title with matches marked, a line of facts, snippet."""
    click.secho(mark_html(story.get("highlight", {}).get("title", ""), bold=True) or bold(story["title"]))
    click.secho(clean(describe_story(story)), dim=True)
    text = mark_html(story.get("snippet", {}).get("text", "")) or clean(story["summary"])
    if text:
        click.echo(text)


def describe_story(story: Json) -> str:
    """Day, publishers, number of sources, id."""
    names = [publisher["name"] for publisher in story["publishers"]]
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    count = story["source_count"]
    parts = [(story["published_at"] or "no date")[:10], shown, f"{count} source{'' if count == 1 else 's'}"]
    return " · ".join([*filter(None, parts), f"id {story['id']}"])


def mark_html(html: str, *, bold: bool = False) -> str:
    """An answer's highlight for a terminal: marks become underlined yellow, entities characters."""
    parts = re.split("</?mark>", html)
    return "".join(
        click.style(clean(unescape(part)), bold=bold or None, fg="yellow" if at % 2 else None, underline=at % 2 == 1)
        for at, part in enumerate(parts)
        if part
    )


def bold(text: str) -> str:
    return click.style(clean(text), bold=True)


def clean(text: str) -> str:
    return _CONTROL.sub("�", text)
