"""Results as text for a terminal, or as lines of JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import unescape
from typing import Any

import click

# Control characters other than tab and line feed: a terminal would run them as commands.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MAX_NAMES = 4


def print_json(result: Mapping[str, Any]) -> None:
    click.echo(json.dumps(result, ensure_ascii=False))


def print_hit(hit: Mapping[str, Any]) -> None:
    """The title with its matches highlighted, a line of facts, and the snippet or summary."""
    title = render_highlight(hit.get("highlight", {}).get("title", ""), bold=True)
    click.secho(title or bold(hit["title"]))
    click.secho(replace_control_characters(describe_story(hit)), dim=True)
    snippet = render_highlight(hit.get("snippet", {}).get("text", ""))
    text = snippet or replace_control_characters(hit["summary"])
    if text:
        click.echo(text)


def describe_story(story: Mapping[str, Any]) -> str:
    """Day of publication, publishers, number of sources and id."""
    names = [publisher["name"] for publisher in story["publishers"]]
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    publishers = ", ".join(names[:_MAX_NAMES]) + more
    parts = [(story["published_at"] or "no date")[:10], publishers, format_count(story["source_count"], "source")]
    return " · ".join([*filter(None, parts), f"id {story['id']}"])


def format_count(count: int, noun: str, plural: str = "") -> str:
    """``1 source``, ``2 sources``. ``plural`` is the noun with an s if not given."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def render_highlight(html: str, *, bold: bool = False) -> str:
    """Highlighted HTML for a terminal: matches yellow and underlined, entities as characters."""
    parts = re.split("</?mark>", html)
    return "".join(
        click.style(
            replace_control_characters(unescape(part)),
            bold=bold or None, fg="yellow" if number % 2 else None, underline=number % 2 == 1,
        )
        for number, part in enumerate(parts)
        if part
    )  # fmt: skip


def bold(text: str) -> str:
    return click.style(replace_control_characters(text), bold=True)


def replace_control_characters(text: str) -> str:
    return _CONTROL.sub("�", text)
