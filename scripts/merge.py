"""outpost merge."""

from __future__ import annotations

from pathlib import Path

import click

from index.indexer import merge_index
from scripts.errors import report_errors
from scripts.options import find_location, index_option
from scripts.progress import print_report


@click.command()
@index_option
@report_errors
def merge(directory: Path | None) -> None:
    """Merge all segments of the index into one, and drop deleted stories."""
    print_report(merge_index(find_location(directory)))
