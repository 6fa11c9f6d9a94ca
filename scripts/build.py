"""outpost build."""

from __future__ import annotations

from pathlib import Path

import click

from api.settings import Settings
from index.engines import ENGINES
from index.indexer import build_index
from index.stores import store_of
from scripts.errors import report_errors
from scripts.options import index_option
from scripts.progress import run_with_progress


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…")
@index_option
@click.option("--skip-invalid", is_flag=True, help="Leave invalid lines out, and write them to a file.")
@click.option(
    "--engine", type=click.Choice(ENGINES), help="In a directory: columns (default), or whoosh, the slow reference."
)
@click.option("--shards", type=click.IntRange(1, 1024), help="Shards of the index, on a cluster only (default: 1).")
@click.option("--replicas", type=click.IntRange(0, 10), help="Replicas of each shard, on a cluster only (default: 1).")
@report_errors
def build(
    files: tuple[Path, ...],
    directory: Path | None,
    skip_invalid: bool,
    engine: str | None,
    shards: int | None,
    replicas: int | None,
) -> None:
    """Build an index of the stories in FILE… and switch to it.

    A file has one JSON object per line, plain or compressed with gzip. If anything fails, the old index stays.
    Running servers switch to the new index by themselves.
    """
    settings = Settings.from_env()
    location = directory or settings.place
    if engine and not isinstance(location, Path):
        raise click.UsageError("--engine needs an index in a directory; OUTPOST_ENGINE names a cluster.")
    if isinstance(location, Path) and not shards is replicas is None:
        raise click.UsageError("--shards and --replicas need an index on a cluster; OUTPOST_ENGINE names the cluster.")
    store = store_of(
        location,
        engine=engine or settings.directory_engine,
        shards=shards or 1,
        replicas=1 if replicas is None else replicas,
    )
    run_with_progress(lambda progress: build_index(store, files, skip_invalid=skip_invalid, progress=progress))
