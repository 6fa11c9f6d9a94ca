"""The reader of story pages: all that a whole page says, and a refusal for everything else."""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.documents import Paragraph, parse_story
from index.errors import InputUnreadable, InvalidPage
from index.readers.ndjson import Read, iter_stories
from index.readers.outpost_page import MAX_PAGE, ParsedPage, parse_page, read_page
from tests.factories import SAMPLE

PAGE = Path(__file__).parent / "pages" / "story_page.txt"
EXPECTED = PAGE.with_suffix(".ndjson")
REAL_PAGE = Path(__file__).parents[3] / "shared/data/outpost_story_page.txt"

TEXT = PAGE.read_text(encoding="utf-8")
LINES = TEXT.split("\n")
MORE = LINES.index("Continue Reading")
TODAY = date(2026, 11, 2)
NO_FOOTER = "the page has no footer, so a cut after a sentence or between two stories would not be seen"

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


# --- a whole page --------------------------------------------------------------------------------------------


def test_a_page_gives_its_story_and_those_it_leads_on_to() -> None:
    expected = [read.story for read in iter_stories(EXPECTED) if isinstance(read, Read)]
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


# --- refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", 1, "the file is empty"),
        ("\ufeff \r\n\n", 1, "the file is empty"),
        ("<!DOCTYPE html>\n<title>Otters</title>\n", 1, "this is HTML or XML"),
        ("\n<rss>\n", 2, "this is HTML or XML"),
        ("It was raining.\nNobody minded.\n", 2, 'found "Nobody minded."'),
        ("It was raining.", 1, "the page ends here"),
        (SAMPLE.read_text(encoding="utf-8"), 2, 'found "{"id":'),
        (SMALL.replace("Curated by LANTERNROW\n", ""), 2, 'found "On Tue,'),
        (SMALL.replace("4 Sources\n", ""), 4, 'found "Share"'),
        (SMALL.replace("4 Sources", "Sources"), 4, 'found "Sources"'),
        (SMALL.replace("4 Sources", "1001 Sources"), 4, "1001 sources"),
        (SMALL.replace("Share\n", ""), 5, 'found "The river is theirs."'),
        (SMALL.replace("The river is theirs.\n", ""), 6, "a heading stands where the summary should"),
        (SMALL.replace(BODY, ""), 7, "no section follows the summary"),
        (SMALL.replace("Nobody had asked the fish.\n", ""), 7, 'no paragraph follows the heading "A Count at Dawn"'),
        (SMALL.replace(BLOCK, ""), 9, "the page ends here"),
        (SMALL.replace("Herons Demand\n", "Egrets Demand\n"), 11, '"Herons Demand a Recount" does not begin with'),
        (SMALL.replace("Herons Demand\n", "…\n"), 11, '"Herons Demand a Recount" does not begin with "…"'),
        (SMALL.replace("They stand by their figures.\n", ""), 12, "a block without a summary"),
        (SMALL.replace(ROW * 2, ""), 12, "the page ends here"),
        (SMALL.replace("3 Sources\n", ""), 14, 'found "Byte Meadow logo'),
        (SMALL.replace("3 Sources", "1 Source"), 14, "2 publishers stand above 1 sources"),
        (SMALL.replace("3 Sources", "9999 Sources"), 14, "9999 sources"),
        (SMALL.replace(ROW * 2, ROW + ROW.replace("3", "4")), 15, "the second row of publishers and count differs"),
        (SMALL.replace(ROW * 2, ROW + ROW.replace("Byte", "Bite")), 15, "the second row of publishers and count"),
        (SMALL.replace(ROW * 2, ROW + "3 Sources\n"), 15, "the second row of publishers and count differs"),
        (SMALL.replace("logoThe", "logo logoThe"), 13, "a publisher without a name"),
        (SMALL.replace("Herons Demand", "Otters Win").replace("a Recount", "the Vote"), 11, "two stories have the id"),
        (SMALL.replace("LanternRow.example\n", ""), 18, 'found "© 2026 LanternRow'),
        (SMALL.replace("© 2026", "©"), 19, 'found "© LanternRow'),
    ],
)
def test_what_is_no_whole_page_is_refused_at_its_line(text: str, line: int, problem: str) -> None:
    refusal = refuse(text)
    assert (refusal.line, refusal.problem[: len(problem)]) == (line, problem)


def test_a_refusal_says_what_was_expected() -> None:
    assert str(refuse(SMALL.replace("4 Sources\n", ""))) == (
        'page.txt:4: found "Share"; expected a number of sources such as "3 Sources"'
    )


@pytest.mark.parametrize(
    "character", ["\x00", "\x07", "\x0b", "\x0c", "\x1b", "\x1e", "\x7f", "\x85", "\x9f", "\ud800"]
)
def test_a_control_character_is_refused_at_its_line(character: str) -> None:
    refusal = refuse(SMALL.replace("Nobody", f"No{character}body"))
    assert refusal.line == 8
    assert refusal.problem == f"holds the control character U+{ord(character):04X}"


def test_bytes_that_are_not_utf8_are_refused_at_their_line(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_bytes(SMALL.encode().replace(b"Nobody", b"No\xffbody"))
    with pytest.raises(InvalidPage, match=rf"{re.escape(str(path))}:8: byte \d+ is not UTF-8"):
        read_page(path)


def test_a_file_of_more_than_4_mb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_text(SMALL + " " * (MAX_PAGE - len(SMALL.encode())))
    assert len(read_page(path).stories) == 2
    with path.open("a") as stream:
        stream.write(" ")
    with pytest.raises(InvalidPage, match="longer than 4 MB"):
        read_page(path)


@pytest.mark.parametrize("name", ["missing.txt", "."])
def test_a_file_that_cannot_be_opened_is_told_from_one_that_is_no_page(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable):
        read_page(tmp_path / name)


# --- pages that were cut ---------------------------------------------------------------------------------------


def try_page(text: str) -> ParsedPage | None:
    try:
        return parse(text)
    except InvalidPage:
        return None


def assert_nothing_is_half_read(cut: ParsedPage) -> None:
    """A page without its footer lacks whole paragraphs and whole stories only, and says so."""
    whole = parse(TEXT).stories
    assert NO_FOOTER in cut.notes
    assert cut.stories[1:] == whole[1 : len(cut.stories)]
    assert cut.stories[0].related == whole[0].related[: len(cut.stories) - 1]
    found = [(section.heading, p) for section in cut.stories[0].sections for p in section.paragraphs]
    every = [(section.heading, p) for section in whole[0].sections for p in section.paragraphs]
    if len(cut.stories) > 1:
        assert found == every
    for mine, other in zip(found, every, strict=False):
        # The names in later stories tell that "Marigold 3" is no citation. Where they are cut off, a note tells.
        assert mine == other or re.search(r'"Marigold [23]" is read as a citation', "".join(cut.notes))


def test_a_page_cut_at_any_line_is_refused_or_known_to_lack_its_footer() -> None:
    """Without its footer a page can be whole only after a paragraph or after a number of sources."""
    cuts = {n: try_page("\n".join(LINES[: n + 1])) for n, line in enumerate(LINES) if line}
    read = {n: page for n, page in cuts.items() if page}
    paragraphs = [n for n in range(LINES.index("Share") + 3, MORE) if LINES[n].endswith(".")]
    counts = [n for n in range(MORE, len(LINES)) if LINES[n].endswith(" Sources")]
    assert (len(paragraphs), len(counts)) == (8, 10)
    assert list(read) == [*paragraphs, *counts, len(LINES) - 1]
    assert read.pop(len(LINES) - 1) == parse(TEXT)
    for page in read.values():
        assert_nothing_is_half_read(page)


def test_a_page_cut_within_a_line_is_refused_unless_a_sentence_ends_there() -> None:
    cuts = [TEXT[:at].rstrip() for at in range(len(TEXT)) if TEXT[at] != "\n"]
    ends = {cut.rpartition("\n")[2] for cut in cuts if try_page(cut)} - set(LINES)
    sources = {line.removesuffix("s") for line in LINES[MORE:] if line.endswith(" Sources")}
    footer = {end for end in ends if end.startswith("© 2026 LanternRow.EXAMPLE")}  # its last words say nothing
    sentences = {end for end in ends if end.endswith((".", "?")) and any(line.startswith(end) for line in LINES)}
    assert sources < ends
    assert sentences
    assert ends == sources | footer | sentences


# --- anything at all -------------------------------------------------------------------------------------------


def assert_reads_or_refuses(text: str) -> None:
    try:
        page = parse(text)
    except InvalidPage:
        return
    for story in page.stories:
        assert parse_story(msgspec.json.encode(story)) == story


ODD_LINES = (
    *("Share", "Continue Reading", "0 Sources", "1 Source", "9999 Sources", "X logo", " logo logo", "Why?", "…", "."),
    *("©", "© 2026", "© 0000 X", "© 2026 LanternRow.EXAMPLE", "LanternRow.example", ", 3.", "\u3000", "<p>", "\x00"),
    *(
        "On Tue, 18 Mar, 12:07 PM UTC",
        "On Tue, 18 Mar, 9999, 12:07 PM UTC",
        "Curated by X",
        "of 3 2 1.",
        "x" + "é" * 200,
    ),
)
any_line = st.one_of(st.sampled_from(LINES), st.sampled_from(ODD_LINES), st.text(max_size=8))
numbered = st.lists(st.text("0123 ,.…?\"'\u3000\u00a0aé", max_size=12), max_size=6).map("\n".join)
quickly = settings(deadline=timedelta(seconds=5), max_examples=150)


@quickly
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    assert_reads_or_refuses(text)


@quickly
@given(st.permutations([line for line in SMALL.split("\n") if line]).map("\n".join))
def test_a_page_in_any_order_of_lines_is_read_or_refused(text: str) -> None:
    assert_reads_or_refuses(text)


@quickly
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, len(LINES)), any_line), min_size=1, max_size=4))
def test_a_page_with_lines_changed_put_in_or_left_out_is_read_or_refused(edits: list[tuple[int, int, str]]) -> None:
    lines = list(LINES)
    for taken, at, line in edits:
        lines[at : at + taken] = [line] if taken < 2 else []
    assert_reads_or_refuses("\n".join(lines))


@quickly
@given(numbered)
def test_paragraphs_of_numbers_and_stops_are_read_or_refused(paragraphs: str) -> None:
    assert_reads_or_refuses(f"{HEAD}{BODY}{paragraphs}\n{FOOTER}")


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "x " + "1 " * 100_000 + ".\n",
        HEAD + "x " + "1" * 200_000 + ".\n",
        HEAD + "x" + ")" * 200_000 + ".\n",
        HEAD + "x" + " " * 200_000 + "1.\n",
        HEAD + BODY * 8_000,
        HEAD + "".join(f"P {n} a {n}.\n" for n in range(15_000)),
        HEAD + BODY + "Continue Reading\n" + "".join(f"{n}\n{n}\nS.\n1 Source\n" for n in range(10_000)),
        "é" * 200_000 + HEAD + BODY,
        "© 2026 " * 30_000,
    ],
    ids=["numbers", "digits", "brackets", "blanks", "sections", "paragraphs", "blocks", "title", "footer"],
)
def test_a_long_page_takes_time_in_proportion(text: str) -> None:
    """Each takes well under half a second; at ten seconds and more something is counted over and over."""
    started = time.process_time()
    assert_reads_or_refuses(text)
    assert time.process_time() - started < 3


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
