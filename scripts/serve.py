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
from index.engines import DEFAULT_ENGINE
from index.errors import IndexUnavailable
from index.live import LiveIndex
from index.query.requests import SearchQuery
from scripts.errors import CommandFailed, report_errors
from scripts.server import run_server


@click.command()
@click.option("--host", help="Address to listen on (default: OUTPOST_HOST or 127.0.0.1).")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on (default: OUTPOST_PORT or 8000).")
@click.option("--workers", type=click.IntRange(0, 64), help="Server processes; 0: one per core, at most 4.")
@click.option(
    "--index", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Directory of the index (default: OUTPOST_INDEX or var/index).",
)  # fmt: skip
@report_errors
def serve(**options: object) -> None:
    """Serve an index over HTTP until SIGTERM or Ctrl-C. After a new build, the server switches without a restart."""
    chosen = {name: value for name, value in options.items() if value is not None}
    if "index" in chosen:
        # --index overrides a cluster in the environment.
        chosen["engine"] = DEFAULT_ENGINE
    settings = dataclasses.replace(Settings.from_env(), **chosen)  # type: ignore[arg-type]  # click checked the types
    _check_port(settings)
    _print_welcome(settings)
    _print_monitoring(settings)
    with _metrics_directory(settings) as metrics:
        settings = dataclasses.replace(settings, metrics=metrics)
        # The workers are other processes, and read their settings from the environment.
        os.environ.update(settings.to_env())
        run_server(settings)


@contextmanager
def _metrics_directory(settings: Settings) -> Iterator[str]:
    """The directory in which all workers count: that of the settings, or a temporary one; "" if there is no room."""
    if settings.metrics:
        yield settings.metrics
        return
    try:
        directory = tempfile.TemporaryDirectory(prefix="outpost-metrics-")
    except OSError as error:
        click.echo(f"/metrics will count each worker separately: no temporary directory ({error.strerror})", err=True)
        yield ""
        return
    with directory as path:
        yield path


def _check_port(settings: Settings) -> None:
    """Raise CommandFailed if the port is in use. Granian would share it with another granian, each getting requests."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise CommandFailed(f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}") from error


def _print_welcome(settings: Settings) -> None:
    """Print the address, and some URLs to try that find something in this index."""
    url = _url_of(settings)
    click.echo(f"Outpost serves {settings.place} on {url}")
    live = LiveIndex(settings.place)
    try:
        with live.borrow() as generation:
            newest = generation.engine.search_stories(SearchQuery(limit=1)).hits[0]
    except IndexUnavailable as error:
        click.echo(f"Every answer will be 503 until there is an index: {error}", err=True)
        return
    finally:
        live.close()
    title = msgspec.json.decode(insert_base_url(newest.stored_hit, ""))["title"]
    word = max(WORD.findall(title), key=len, default="news").lower()
    click.echo("Try:")
    pages = [f"/search?q={word}"] if settings.pages == "on" else []
    for path in (*pages, f"/v1/search?q={word}&facets=topic,publisher", f"/v1/stories/{newest.id}/related", "/docs"):
        click.echo(f"  {url}{path}")


def _print_monitoring(settings: Settings) -> None:
    slow = f"; the logger outpost.slow has requests of {settings.slow_ms} ms and more" if settings.slow_ms else ""
    click.echo(f"Metrics for Prometheus: {_url_of(settings)}/metrics; log: standard error{slow}")


def _url_of(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"
