"""The reader of story pages: all that a whole page says, and a refusal for everything else."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest

from index.documents.story import Paragraph
from index.readers.ndjson import AcceptedLine, iter_stories
from index.readers.outpost_page import read_page
from tests.unit.page_samples import (
    BLOCK,
    BODY,
    EXPECTED,
    FOOTER,
    HEAD,
    LINES,
    NO_FOOTER,
    PAGE,
    REAL_PAGE,
    ROW,
    SMALL,
    TEXT,
    TIME,
    parse,
    read_paragraph,
    refuse,
)

# --- a whole page --------------------------------------------------------------------------------------------


def test_a_page_gives_its_story_and_those_it_leads_on_to() -> None:
    expected = [read.story for read in iter_stories(EXPECTED) if isinstance(read, AcceptedLine)]
    assert len(expected) == 6
    assert read_page(PAGE).stories == tuple(expected)


def test_citations_belong_to_the_paragraphs_they_end() -> None:
    sections = parse(TEXT).stories[0].sections
    found = {section.heading: [paragraph.citations for paragraph in section.paragraphs] for section in sections}
    assert found == {
        "One Model for 611 Junctions": [(1,), (1, 3)],
        "What the First Week Showed": [(2,), ()],
        "Who Waits, and for How Long?": [(4,)],
        "A Vote on the Logs": [(), (2, 4)],
        "Towns at the Door": [()],
    }


def test_every_guess_is_told_with_its_line() -> None:
    assert parse(TEXT).notes == (
        "line 5: the page gives no year; 2025 was taken, the latest in which 18 Mar is a Tue, "
        "not after today, 2026-11-02",
        'line 21: "Marigold 3" is read as text, not as a citation',
        'line 23: "Marigold 2" is read as text, not as a citation',
        'line 31: "to 2" is read as text, not as a citation',
    )


def test_related_stories_keep_the_order_of_the_page() -> None:
    main, *others = parse(TEXT).stories
    assert main.related == tuple(story.id for story in others)
    assert [story.title.split()[0] for story in others] == ["Marigold", "Toll", "Judges", "Can", "Makers"]


def test_sources_are_the_number_on_the_page_with_the_names_first() -> None:
    main, *others = parse(TEXT).stories
    assert [len(story.sources) for story in others] == [3, 9, 2, 2, 12]
    assert [len(story.publishers) for story in others] == [1, 4, 0, 2, 1]
    assert [publisher.name for publisher in others[1].publishers] == [
        "The Kerbstone",
        "Northlight Wire",
        "Île-Neuve Matin",
        "Fenwick Courier & Post",
    ]
    assert [bool(source.publisher) for source in others[1].sources] == [True] * 4 + [False] * 5
    assert len(main.sources) == 4
    assert main.publishers == ()


def test_a_row_that_stands_once_gives_the_same_story_as_one_that_stands_twice() -> None:
    assert parse(SMALL.replace(ROW * 2, ROW)) == parse(SMALL)
    assert len(parse(SMALL).stories[1].sources) == 3


def test_blanks_between_publishers_are_no_part_of_their_names() -> None:
    assert parse(SMALL.replace("logoThe", "logo The")) == parse(SMALL)


def test_a_page_without_related_stories_is_a_whole_page() -> None:
    page = parse(HEAD + BODY + FOOTER)
    assert [story.related for story in page.stories] == [()]
    assert len(page.notes) == 1


def test_a_story_that_stands_twice_in_a_page_is_given_once() -> None:
    assert parse(SMALL.replace(BLOCK, BLOCK * 2)) == parse(SMALL)


@pytest.mark.parametrize("short", ["Herons Demand a Recount", "Herons Demand…", "Herons Dem…", "Herons Demand ..."])
def test_a_short_title_may_be_whole_or_end_in_dots(short: str) -> None:
    story = parse(SMALL.replace("Herons Demand\n", f"{short}\n")).stories[1]
    assert (story.short_title, story.title) == (short, "Herons Demand a Recount")


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("\n", "\r\n"),
        "\ufeff" + TEXT,
        "\n\n" + TEXT + "\n\n",
        TEXT.replace("\n", " \t\u00a0\n  "),
        "\n".join(line for line in LINES if line),
    ],
    ids=["crlf", "bom", "blank lines around", "blanks at the ends of lines", "no blank lines"],
)
def test_line_ends_and_blanks_make_no_difference(text: str, tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_bytes(text.encode())
    assert read_page(path).stories == read_page(PAGE).stories


# --- the year that a page leaves out ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "copyright_year", "today", "expected"),
    [
        ("Tue, 18 Mar, 12:07 PM", 2026, date(2026, 11, 2), datetime(2025, 3, 18, 12, 7, tzinfo=UTC)),
        ("Tue, 18 Mar, 12:07 AM", 2025, date(2026, 11, 2), datetime(2025, 3, 18, 0, 7, tzinfo=UTC)),
        ("Tue, 18 Mar, 1:30 PM", 2024, date(2026, 11, 2), datetime(2014, 3, 18, 13, 30, tzinfo=UTC)),
        ("Tue, 18 Mar, 1:30 AM", None, date(2025, 3, 18), datetime(2025, 3, 18, 1, 30, tzinfo=UTC)),
        ("Tue, 18 Mar, 1:30 AM", None, date(2025, 3, 17), datetime(2014, 3, 18, 1, 30, tzinfo=UTC)),
        ("Tue, 18 Mar, 1:30 AM", 2025, date(2025, 3, 17), datetime(2014, 3, 18, 1, 30, tzinfo=UTC)),
        ("Tue, 18 Mar, 1:30 AM", 9999, date(2025, 4, 1), datetime(2025, 3, 18, 1, 30, tzinfo=UTC)),
        ("Thu, 29 Feb, 11:59 PM", 2026, date(2026, 11, 2), datetime(2024, 2, 29, 23, 59, tzinfo=UTC)),
        ("Fri, 29 Feb, 11:59 PM", 2026, date(2026, 11, 2), datetime(2008, 2, 29, 23, 59, tzinfo=UTC)),
    ],
)
def test_the_year_is_the_latest_that_fits(
    said: str, copyright_year: int | None, today: date, expected: datetime
) -> None:
    footer = FOOTER.replace("2026", str(copyright_year)) if copyright_year else ""
    page = parse(HEAD.replace(TIME, f"On {said} UTC") + BODY + footer, today)
    assert page.stories[0].published_at == expected
    assert page.notes[0].startswith(f"line 3: the page gives no year; {expected.year} was taken")
    assert (NO_FOOTER in page.notes) is (copyright_year is None)


def test_the_note_names_what_bounds_the_year() -> None:
    older = SMALL.replace("© 2026", "© 2025")
    assert parse(older).notes[0].endswith("not after the page's copyright year 2025")
    assert parse(SMALL).notes[0].endswith("not after today, 2026-11-02")
    assert parse(SMALL, date(2025, 12, 1)).notes[0].endswith("not after today, 2025-12-01")


def test_a_span_of_copyright_years_counts_to_its_end() -> None:
    span = SMALL.replace("© 2026", "© 2019–2024")
    assert parse(span).stories[0].published_at == datetime(2014, 3, 18, 12, 7, tzinfo=UTC)


def test_a_year_that_is_given_is_no_guess() -> None:
    page = parse(SMALL.replace("18 Mar,", "18 Mar, 2014,"))
    assert page.stories[0].published_at == datetime(2014, 3, 18, 12, 7, tzinfo=UTC)
    assert page.notes == ()


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("Tue, 30 Feb, 12:07 PM", "30 Feb is no Tue in the 30 years up to 2026"),
        ("Tue, 31 Jun, 12:07 PM", "31 Jun is no Tue in the 30 years up to 2026"),
        ("Tue, 0 Mar, 12:07 PM", "0 Mar is no Tue in the 30 years up to 2026"),
        ("Tue, 18 Mar, 2024, 12:07 PM", "18 Mar is no Tue in 2024"),
        ("Tue, 18 Mar, 0000, 12:07 PM", "18 Mar is no Tue in 0000"),
        ("Tue, 18 Mar, 13:07 PM", "found"),
        ("Tue, 18 Mar, 12:60 PM", "found"),
        ("Tuesday, 18 Mar, 12:07 PM", "found"),
        ("Tue, 18 March, 12:07 PM", "found"),
        ("Tue, ١٨ Mar, 12:07 PM", "found"),
    ],
)
def test_a_time_that_cannot_be_is_refused(said: str, problem: str) -> None:
    refusal = refuse(SMALL.replace(TIME, f"On {said} UTC"))
    assert refusal.line == 3
    assert refusal.problem.startswith(problem)


def test_a_time_outside_what_a_story_may_have_is_refused() -> None:
    assert "/published_at" in refuse(SMALL.replace("18 Mar,", "18 Mar, 1200,").replace("Tue", "Sat")).problem


# --- citations and the digits that are none --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "text", "citations"),
    [
        ("The otters won 1.", "The otters won.", (1,)),
        ("The otters won. 1", "The otters won.", (1,)),
        ("The otters won 2 3.", "The otters won.", (2, 3)),
        ("The otters won 2, 3.", "The otters won.", (2, 3)),
        ("The otters won 24.", "The otters won.", (2, 4)),
        ("The otters won 3 1 3.", "The otters won.", (3, 1)),
        ("The otters won\u00a04.", "The otters won.", (4,)),
        ("Did the otters win 4?", "Did the otters win?", (4,)),
        ('The otters said "we won" 4.', 'The otters said "we won".', (4,)),
        ("The otters won in 2025 1.", "The otters won in 2025.", (1,)),
        ("The otters won in 2025, 1.", "The otters won in 2025.", (1,)),
        ("The otters won in July 1.", "The otters won in July.", (1,)),
        ("The otters won in late July 1.", "The otters won in late July.", (1,)),
        ("They ran on GPT4 2.", "They ran on GPT4.", (2,)),
        ("They grew by 3.5 2.", "They grew by 3.5.", (2,)),
        ("They ran on Llama 3 2.", "They ran on Llama 3.", (2,)),
        ("They won 5 to 2 1.", "They won 5 to 2.", (1,)),
    ],
)
def test_numbers_of_sources_are_lifted_from_the_end(line: str, text: str, citations: tuple[int, ...]) -> None:
    paragraph, _ = read_paragraph(line, elsewhere="Llama 3 is old.")
    assert paragraph == Paragraph(text=text, citations=citations)


@pytest.mark.parametrize(
    "line",
    [
        "They ran on Llama 3.",
        'They ran on "Llama 3".',
        "They ran on LLaMA 3.1.",
        "They ran on LLaMA 3.",
        "They ran on GPT4.",
        "They ran on GPT-4.",
        "They grew by 3.5.",
        "They won 5 to 2.",
        "They came on July 2.",
        "They were beaten by 2.",
        "The otters are No. 1.",
        "The otters number 5.",
        "The otters number 400.",
        "The otters number 42.",
        "The otters number 0.",
        "The otters number 04.",
        "The otters number 12345.",
        ", 3.",
    ],
)
def test_digits_of_the_text_stay_in_the_text(line: str) -> None:
    paragraph, _ = read_paragraph(line, elsewhere="Llama 3 is old.")
    assert paragraph == Paragraph(text=line)


def test_a_number_kept_or_split_by_a_guess_is_told() -> None:
    assert read_paragraph("They ran on Llama 3.", elsewhere="Llama 3 is old.")[1] == (
        'line 9: "Llama 3" is read as text, not as a citation',
    )
    assert read_paragraph("The otters won 24.")[1] == ('line 9: "24" is read as the citations 2, 4',)
    assert read_paragraph("The otters won 2.")[1] == ()


def test_a_number_behind_a_name_that_the_page_has_nowhere_else_is_a_citation_and_told() -> None:
    paragraph, notes = read_paragraph("They ran on Marigold 3.")
    assert paragraph == Paragraph(text="They ran on Marigold.", citations=(3,))
    assert notes == ('line 9: "Marigold 3" is read as a citation, not as text',)


def test_a_number_at_the_end_of_another_sentence_of_a_section_does_not_speak_against_a_citation() -> None:
    assert read_paragraph("They won 3. They slept.\nThe otters won 3.")[0].citations == (3,)
    assert read_paragraph("They won 3 times.\nThe otters won 3.")[0].citations == ()


def test_the_number_of_sources_bounds_the_citations() -> None:
    assert read_paragraph("The otters won 12.", count=12)[0].citations == (12,)
    assert read_paragraph("The otters won 12.", count=11)[0].citations == (1, 2)
    assert read_paragraph("The otters won 12.", count=1)[0] == Paragraph(text="The otters won 12.")
    assert read_paragraph("The otters won 1.", count=0)[0] == Paragraph(text="The otters won 1.")


# --- the page that the reader is for ---------------------------------------------------------------------------


@pytest.mark.skipif(not REAL_PAGE.exists(), reason="the page is not in this repository")
def test_the_page_that_the_reader_is_for_is_read_whole() -> None:
    page = read_page(REAL_PAGE)
    main, *others = page.stories
    assert (main.curated_by, main.published_at) == ("THEOUTPOST", datetime(2024, 7, 24, 16, 2, tzinfo=UTC))
    assert [len(section.paragraphs) for section in main.sections] == [1] * 6
    assert [section.paragraphs[0].citations for section in main.sections] == [(1,), (1,), (1,), (2,), (2,), ()]
    lines = REAL_PAGE.read_text(encoding="utf-8").split("\n")
    assert all(section.heading in lines for section in main.sections)
    assert [re.search(r"\d", section.paragraphs[0].text) for section in main.sections] == [None] * 6
    assert [msgspec.to_builtins(source) for source in main.sources] == [{}, {}]
    assert main.related == tuple(story.id for story in others)
    assert [story.title for story in others] == [line for line in lines if line in {s.title for s in others}]
    shown = [[source.publisher.name if source.publisher else "" for source in story.sources] for story in others]
    assert shown == [
        ["Benzinga", ""],
        ["Seeking Alpha", "Analytics India Magazine", "The Verge", "Geeky Gadgets", "", ""],
        ["Business Insider India", "Business Insider", "Entrepreneur", "Economic Times", *[""] * 7],
        ["Business Insider India", "Business Insider", "Hindustan Times"],
        ["Benzinga", ""],
    ]
    assert len(page.notes) == 1
