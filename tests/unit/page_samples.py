"""A story page, small ones made of parts, and how tests read them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from index.documents.story import Paragraph
from index.errors import InvalidPage
from index.readers.outpost_page import ParsedPage, parse_page

PAGE = Path(__file__).parent / "pages" / "story_page.txt"
EXPECTED = PAGE.with_suffix(".ndjson")
REAL_PAGE = Path(__file__).parents[3] / "shared/data/outpost_story_page.txt"

TEXT = PAGE.read_text(encoding="utf-8")
LINES = TEXT.split("\n")
MORE = LINES.index("Continue Reading")
TODAY = date(2026, 11, 2)
NO_FOOTER = "the page has no footer, so missing text at its end cannot be detected"

TIME = "On Tue, 18 Mar, 12:07 PM UTC"
HEAD = f"Otters Win the Vote\nCurated by LANTERNROW\n{TIME}\n4 Sources\nShare\nThe river is theirs.\n"
BODY = "A Count at Dawn\nNobody had asked the fish.\n"
ROW = "Byte Meadow logoThe Kerbstone logo\n3 Sources\n"
BLOCK = "Herons Demand\nHerons Demand a Recount\nThey stand by their figures.\n" + ROW * 2
FOOTER = "LanternRow.example\nAll in one row\n© 2026 LanternRow.EXAMPLE All rights reserved\n"
SMALL = f"{HEAD}{BODY}Continue Reading\n{BLOCK}{FOOTER}"


def parse(text: str, today: date = TODAY) -> ParsedPage:
    return parse_page(text, "page.txt", today)


def refuse(text: str, today: date = TODAY) -> InvalidPage:
    with pytest.raises(InvalidPage) as caught:
        parse(text, today)
    return caught.value


def read_paragraph(line: str, count: int = 4, elsewhere: str = "") -> tuple[Paragraph, tuple[str, ...]]:
    """What becomes of a line in a section, in a page of ``count`` sources that has ``elsewhere`` in a summary."""
    head = HEAD.replace("4 Sources", f"{count} Sources")
    block = BLOCK.replace("They stand", f"{elsewhere} They stand")
    page = parse(f"{head}{BODY}{line}\nContinue Reading\n{block}{FOOTER}")
    (section,) = page.stories[0].sections
    return section.paragraphs[-1], page.notes[1:]
