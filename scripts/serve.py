"""outpost serve."""

from __future__ import annotations

import dataclasses
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from api.settings import Settings
from index.analysis.schema import WORD
from index.documents.stored_hit import insert_base_url
from index.errors import IndexUnavailable
from index.live import LiveIndex
from index.query.requests import SearchQuery
from scripts.common import Failure, tell_failures
from scripts.server import run_server


@click.command()
@click.option("--host", help="Address to listen on (default: OUTPOST_HOST or 127.0.0.1).")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on (default: OUTPOST_PORT or 8000).")
@click.option("--workers", type=click.IntRange(0, 64), help="Processes; 0: one for each core, at most 4.")
@click.option(
    "--index", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="The index to serve (default: OUTPOST_INDEX or var/index).",
)  # fmt: skip
@tell_failures
def serve(**given: object) -> None:
    """Serve an index over HTTP until SIGTERM or Ctrl-C. A new build is taken without a restart."""
    chosen = {name: value for name, value in given.items() if value is not None}
    if "index" in chosen:
        # A directory that is named is meant, whatever the environment says.
        chosen["engine"] = ""
    settings = dataclasses.replace(Settings.from_env(), **chosen)  # type: ignore[arg-type]  # click checked the types
    _check_port(settings)
    _welcome(settings)
    _tell_watching(settings)
    with _metrics_directory(settings) as metrics:
        settings = dataclasses.replace(settings, metrics=metrics)
        # The workers are other processes; the environment reaches them whichever way they are started.
        os.environ.update(settings.to_env())
        run_server(settings)


@contextmanager
def _metrics_directory(settings: Settings) -> Iterator[str]:
    """Where the workers count together: what is set, or a temporary directory; "" if there is no room for one."""
    if settings.metrics:
        yield settings.metrics
        return
    try:
        directory = tempfile.TemporaryDirectory(prefix="outpost-metrics-")
    except OSError as error:
        click.echo(f"Each worker counts for itself in /metrics: no temporary directory ({error.strerror})", err=True)
        yield ""
        return
    with directory as path:
        yield path


def _check_port(settings: Settings) -> None:
    """Granian would share a port that another server of its kind listens on, and each would get some requests."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise Failure(f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}") from error


def _welcome(settings: Settings) -> None:
    """The address, and a few things to try that find something in this index."""
    url = _url_of(settings)
    click.echo(f"Outpost serves {settings.place} on {url}")
    live = LiveIndex(settings.place)
    try:
        with live.borrow() as generation:
            newest = generation.engine.search_stories(SearchQuery(limit=1)).hits[0]
    except IndexUnavailable as error:
        click.echo(f"Until there is an index every answer is 503: {error}", err=True)
        return
    finally:
        live.close()
    title = msgspec.json.decode(insert_base_url(newest.stored_hit, ""))["title"]
    word = max(WORD.findall(title), key=len, default="news").lower()
    click.echo("Try:")
    pages = [f"/search?q={word}"] if settings.pages == "on" else []
    for path in (*pages, f"/v1/search?q={word}&facets=topic,publisher", f"/v1/stories/{newest.id}/related", "/docs"):
        click.echo(f"  {url}{path}")


def _tell_watching(settings: Settings) -> None:
    slow = f"; requests of {settings.slow_ms} ms and more as outpost.slow" if settings.slow_ms else ""
    click.echo(f"Watch: {_url_of(settings)}/metrics for Prometheus; the log is on standard error{slow}")


def _url_of(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"
