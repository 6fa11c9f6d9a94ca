"""What is no whole page is refused with its line, and nothing at all makes the reader fail or hang."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from index.documents.checks import parse_story
from index.errors import InputUnreadable, InvalidPage
from index.readers.outpost_page import MAX_PAGE, MAX_RELATED, ParsedPage, read_page
from scripts.cli import main
from scripts.import_page import MAX_NOTES
from tests.support.factories import SAMPLE
from tests.support.hang import fail_if_it_hangs
from tests.unit.page_samples import (
    BLOCK,
    BODY,
    FOOTER,
    HEAD,
    LINES,
    MORE,
    NO_FOOTER,
    ROW,
    SMALL,
    TEXT,
    parse,
    refuse,
)


def make_blocks(count: int) -> str:
    """So many related stories, each in a few bytes and with as many sources as there may be."""
    block = "t{0}\nt{0}\ns.\n1000 Sources\n1000 Sources\n"
    return SMALL.replace(BLOCK, "".join(block.format(n) for n in range(count)))


def test_a_page_leads_on_to_a_bounded_number_of_stories() -> None:
    assert len(parse(make_blocks(MAX_RELATED)).stories) == MAX_RELATED + 1
    refused = refuse(make_blocks(MAX_RELATED + 1))
    assert (refused.problem, refused.line) == (f"more than {MAX_RELATED} related stories", 10 + 5 * MAX_RELATED)


def test_notes_of_a_page_are_told_up_to_a_number(tmp_path: Path) -> None:
    page = tmp_path / "\x1b[2J.txt"
    page.write_text(SMALL.replace(BODY, BODY + "Ferries run on Robots 1.\n" * 1000))
    told = CliRunner().invoke(main, ["import", str(page)])
    assert told.exit_code == 0
    *notes, last = told.stderr.splitlines()
    assert len(notes) == MAX_NOTES
    assert last.endswith(": 901 more notes")
    assert "\x1b" not in told.stderr


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
        (SMALL.replace("The river is theirs.\n", ""), 6, "there is a heading in place of the summary"),
        (SMALL.replace(BODY, ""), 7, "no section follows the summary"),
        (SMALL.replace("Nobody had asked the fish.\n", ""), 7, 'no paragraph follows the heading "A Count at Dawn"'),
        (SMALL.replace(BLOCK, ""), 9, "the page ends here"),
        (
            SMALL.replace("Herons Demand\n", "Egrets Demand\n"),
            11,
            'the title "Herons Demand a Recount" does not begin with',
        ),
        (
            SMALL.replace("Herons Demand\n", "…\n"),
            11,
            'the title "Herons Demand a Recount" does not begin with the short title "…"',
        ),
        (SMALL.replace("They stand by their figures.\n", ""), 12, "the summary of this story is missing"),
        (SMALL.replace(ROW * 2, ""), 12, "the page ends here"),
        (SMALL.replace("3 Sources\n", ""), 14, 'found "Byte Meadow logo'),
        (SMALL.replace("3 Sources", "1 Source"), 14, "2 publishers for 1 sources"),
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
    assert refusal.problem == f"contains the control character U+{ord(character):04X}"


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
    """Each takes half a second; code that reads the page again for each line takes hours."""
    with fail_if_it_hangs():
        assert_reads_or_refuses(text)
