"""The command ``outpost``: the group, and what its commands have in common."""

from __future__ import annotations

import click

from api.response.conditional import VERSION
from scripts.build import build
from scripts.check import check
from scripts.export import export
from scripts.facet import facet
from scripts.import_page import import_page
from scripts.lookup import lookup
from scripts.related import related
from scripts.search import search
from scripts.serve import serve
from scripts.show import show
from scripts.sources import sources
from scripts.status import status
from scripts.suggest import suggest
from scripts.timeline import timeline
from scripts.update import delete, merge, update


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, message="%(prog)s %(version)s")
def main() -> None:
    """Search over news stories and the articles they are made of.

    Exit codes: 0 found or done, 1 nothing found or a fault in the index, 2 wrong use, bad input, or no server.
    """


WRITING = (build, update, delete, merge, import_page, serve)
READING = (search, suggest, show, related, sources, facet, timeline, lookup, export, status, check)
for command in (*WRITING, *READING):
    main.add_command(command)
