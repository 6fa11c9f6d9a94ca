"""The command ``outpost``: a group whose commands are imported when they run.

The search engine takes a second to import, and commands that ask a server do not need it.
"""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

import click


class LazyCommand(NamedTuple):
    """Where a command is defined, and its line in ``outpost --help``."""

    module: str
    attribute: str
    help: str


COMMANDS = {
    "build": LazyCommand("scripts.build", "build", "Build an index and switch to it."),
    "update": LazyCommand("scripts.update", "update", "Add stories to the index."),
    "delete": LazyCommand("scripts.delete", "delete", "Delete stories from the index."),
    "merge": LazyCommand("scripts.merge", "merge", "Merge the segments of the index into one."),
    "import": LazyCommand("scripts.import_page", "import_page", "Convert saved story pages to input lines."),
    "serve": LazyCommand("scripts.serve", "serve", "Serve an index over HTTP."),
    "search": LazyCommand("scripts.search", "search", "Search stories."),
    "suggest": LazyCommand("scripts.suggest", "suggest", "Complete the text of a search box."),
    "show": LazyCommand("scripts.show", "show", "Show one story."),
    "related": LazyCommand("scripts.related", "related", "List stories related to a story."),
    "sources": LazyCommand("scripts.sources", "sources", "Search the articles that stories cite."),
    "facet": LazyCommand("scripts.facet", "facet", "List the values of a facet."),
    "timeline": LazyCommand("scripts.timeline", "timeline", "Chart when the stories of a search were published."),
    "lookup": LazyCommand("scripts.lookup", "lookup", "Find the stories that cite an article."),
    "export": LazyCommand("scripts.export", "export", "Write stories as input lines."),
    "status": LazyCommand("scripts.status", "status", "Show the size and age of an index."),
    "check": LazyCommand("scripts.check", "check", "Verify the checksums of an index."),
}


class LazyGroup(click.Group):
    """The commands of COMMANDS, each imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name].module), COMMANDS[cmd_name].attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="outpost", message="%(prog)s %(version)s")
def main() -> None:
    """Search news stories and the articles they cite.

    Exit codes: 0 success, 1 nothing found or a damaged index, 2 wrong usage, invalid input or no server.
    """
