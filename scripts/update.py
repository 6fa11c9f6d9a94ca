"""outpost update."""

from __future__ import annotations

from pathlib import Path

import click

from index.indexer import update_index
from scripts.errors import report_errors
from scripts.options import find_location, index_option
from scripts.progress import run_with_progress


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…")
@index_option
@click.option("--skip-invalid", is_flag=True, help="Leave invalid lines out, and write them to a file.")
@report_errors
def update(files: tuple[Path, ...], directory: Path | None, skip_invalid: bool) -> None:
    """Add the stories in FILE… to the index. A story replaces the one with the same id."""
    location = find_location(directory)
    run_with_progress(lambda progress: update_index(location, files, skip_invalid=skip_invalid, progress=progress))
