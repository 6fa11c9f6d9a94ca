"""The text of one story page, as copied from a browser, to stories: the main one and those it leads on to.

A page is read whole or refused with the line where it stops being one. What a page does not say outright
(the year, whether a digit is a citation) is inferred, and every inference is told in a note.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from itertools import pairwise, takewhile
from pathlib import Path

import msgspec
from msgspec import Struct

from index.documents.identity import slug_of
from index.documents.story import MAX_SOURCES, InvalidStory, Paragraph, Publisher, Section, Source, Story, parse_story
from index.errors import InputUnreadable, InvalidPage

MAX_PAGE = 4 * 1024 * 1024
# A page leads on to five stories. Each may claim MAX_SOURCES of them in one line, so 4 MB of text could become 400.
MAX_RELATED = 100
MAX_YEARS = 30  # 28 years bring every weekday to every date, 29 February among them

_PAGE = "the text of a story page, as copied from a browser"
_BLOCK = "blocks of short title, title, summary, publishers and number of sources, then the footer"
_MORE = "Continue Reading"
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTH_NAMES = "January February March April May June July August September October November December".split()
_MONTHS = tuple(name[:3] for name in _MONTH_NAMES)
_TIME = re.compile(
    rf"On ({'|'.join(_WEEKDAYS)}), ([0-9]{{1,2}}) ({'|'.join(_MONTHS)}), (?:([0-9]{{4}}), )?"
    r"(0?[1-9]|1[0-2]):([0-5][0-9]) (AM|PM) UTC"
)
_COUNT = re.compile(r"([0-9]{1,4}) Sources?")
_COPYRIGHT = re.compile(r"©\s*(?:[0-9]{4}\s*[-–]\s*)?([0-9]{4})\s+(\S.*)")
_RIGHTS = re.compile(r"[.,\s]*All rights reserved[.\s]*\Z", re.IGNORECASE)
# What no text of a story may hold (see index.documents.story), and halves of a character, which have no UTF-8.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

_STOPS, _CLOSERS, _OPENERS = ".!?…。！？", "\"”’'»)]", "\"“‘'«(["
_BLANKS = ", \t\u00a0\u2009\u202f"
_RUN = "0123456789" + _BLANKS  # what numbers at a paragraph's end are made of
_DIGITS = re.compile("[0-9]+")
_NUMBER = re.compile(r"[0-9]+(?!\w|[.,][0-9])")
# A sentence does not end in these: a number after them is part of it ("5 to 2", "No. 1").
_NEVER_LAST = frozenset("a an and aged at by from least most no. nr. of or than the to v. vol. vs.".split())
# "on July 2" is a date, "in July 2" is a month and a citation.
_BEFORE_MONTH = frozenset("early in last late next this".split())
_DATED = frozenset((*_MONTH_NAMES, *_MONTHS, *(f"{month}." for month in _MONTHS)))


class ParsedPage(Struct, frozen=True, kw_only=True):
    """The stories of a page, the main one first, and what was inferred in reading it."""

    stories: tuple[Story, ...]
    notes: tuple[str, ...]


class _Lines(Struct, kw_only=True):
    """The non-blank lines of a page with their numbers, and how far they are read."""

    file: str
    lines: list[tuple[int, str]]
    at: int = 0

    def peek(self) -> str:
        """The next line, "" after the last."""
        return self.lines[self.at][1] if self.at < len(self.lines) else ""

    def number(self) -> int:
        """The number of the next line, or of the last one."""
        return self.lines[min(self.at, len(self.lines) - 1)][0] if self.lines else 1

    def take(self, expected: str) -> str:
        if self.at >= len(self.lines):
            raise self.refuse("the page ends here", expected)
        self.at += 1
        return self.lines[self.at - 1][1]

    def match(self, pattern: str | re.Pattern[str], expected: str) -> re.Match[str]:
        found = re.fullmatch(pattern, self.peek())
        if found is None:
            raise self.refuse(f"found {_shorten(self.peek())}" if self.peek() else "the page ends here", expected)
        self.at += 1
        return found

    def refuse(self, problem: str, expected: str) -> InvalidPage:
        return InvalidPage(self.file, self.number(), problem, expected)


def read_page(path: str | Path) -> ParsedPage:
    """The stories of a page on disk. Raises InputUnreadable, or InvalidPage for anything but one whole page."""
    name = str(path)
    try:
        with open(path, "rb") as stream:
            raw = stream.read(MAX_PAGE + 1)
    except OSError as error:
        raise InputUnreadable(name, error.strerror or str(error)) from error
    if len(raw) > MAX_PAGE:
        raise InvalidPage(name, 1, "longer than 4 MB", f"at most {MAX_PAGE} bytes")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InvalidPage(name, line, f"byte {error.start + 1} is not UTF-8", "UTF-8 text") from None
    return parse_page(text, name, datetime.now(UTC).date())


def parse_page(text: str, file: str, today: date) -> ParsedPage:
    """The stories of a page's text; ``today`` bounds the year that a page leaves out. Raises InvalidPage."""
    lines, year = _cut_footer(_Lines(file=file, lines=_number_lines(text, file)))
    if lines.peek().startswith("<"):
        raise lines.refuse("this is HTML or XML", _PAGE)
    title = lines.take(_PAGE)
    curator = lines.match(r"Curated by (\S.*)", 'a line "Curated by NAME" under the title')[1]
    published, notes = _read_time(lines, year, today)
    count = _read_count(lines)
    lines.match("Share", 'the line "Share"')
    summary = lines.take("a summary")
    sections, inferred = _read_sections(lines, count, _find_pairs(lines))
    if not sections[0].heading and not _ends_sentence(summary):
        raise InvalidPage(file, lines.lines[5][0], "a heading stands where the summary should", "a summary")
    related = _read_related(lines)
    ids = tuple(dict.fromkeys(story.id for story in related))
    main = Story(
        id=_id_of(title), title=title, summary=summary, curated_by=curator, published_at=published,
        sections=sections, sources=(Source(),) * count, related=ids,
    )  # fmt: skip
    notes += inferred
    if year is None:
        notes.append("the page has no footer, so a cut after a sentence or between two stories would not be seen")
    return ParsedPage(stories=_distinct((main, *related), lines), notes=tuple(notes))


def _number_lines(text: str, file: str) -> list[tuple[int, str]]:
    """The non-blank lines, numbered from 1. Not splitlines(), which also breaks at control characters."""
    text = text.removeprefix("\ufeff")
    if bad := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, bad.start()) + 1
        raise InvalidPage(file, line, f"holds the control character U+{ord(bad[0]):04X}", _PAGE)
    numbered = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1)]
    found = [(number, line) for number, line in numbered if line]
    if not found:
        raise InvalidPage(file, 1, "the file is empty", _PAGE)
    return found


def _cut_footer(page: _Lines) -> tuple[_Lines, int | None]:
    """The lines above the footer, and its copyright year; all lines and None where there is no footer."""
    number, last = page.lines[-1]
    if "©" not in last:
        return page, None
    claim = _COPYRIGHT.fullmatch(last)
    name = _RIGHTS.sub("", claim[2]).casefold() if claim else ""
    starts = [at for at, (_, line) in enumerate(page.lines) if line.casefold() == name]
    if claim is None or not starts:
        expected = 'a footer that begins with the name of the site and ends in "© YEAR NAME"'
        raise InvalidPage(page.file, number, f"found {_shorten(last)}", expected)
    return _Lines(file=page.file, lines=page.lines[: starts[-1]]), int(claim[1])


def _read_time(lines: _Lines, copyright_year: int | None, today: date) -> tuple[datetime, list[str]]:
    expected = 'a time such as "On Wed, 3 Jan, 4:02 PM UTC"'
    number = lines.number()
    weekday, day, month, said, hour, minute, half = lines.match(_TIME, expected).groups()
    newest = min(copyright_year or today.year, today.year)
    years = [int(said)] if said else range(newest, newest - MAX_YEARS, -1)
    days = (_day_of(year, _MONTHS.index(month) + 1, int(day)) for year in years)
    fitting = (d for d in days if d and d.weekday() == _WEEKDAYS.index(weekday) and (said or d <= today))
    found = next(fitting, None)
    if found is None:
        span = f"in {said}" if said else f"in the {MAX_YEARS} years up to {newest}"
        raise InvalidPage(lines.file, number, f"{day} {month} is no {weekday} {span}", expected)
    time = datetime(found.year, found.month, found.day, int(hour) % 12 + 12 * (half == "PM"), int(minute), tzinfo=UTC)
    bounded = copyright_year and copyright_year < today.year
    bound = f"the page's copyright year {copyright_year}" if bounded else f"today, {today}"
    why = f"the latest in which {day} {month} is a {weekday}, not after {bound}"
    return time, [] if said else [f"line {number}: the page gives no year; {found.year} was taken, {why}"]


def _day_of(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _read_count(lines: _Lines) -> int:
    count = int(lines.match(_COUNT, 'a number of sources such as "3 Sources"')[1])
    if count > MAX_SOURCES:
        lines.at -= 1
        raise lines.refuse(f"{count} sources", f"at most {MAX_SOURCES} sources")
    return count


def _read_sections(lines: _Lines, count: int, pairs: set[tuple[str, str]]) -> tuple[tuple[Section, ...], list[str]]:
    """Headings and their paragraphs, up to the related stories or the end; and notes on the citations."""
    sections: list[Section] = []
    notes: list[str] = []
    while lines.peek() not in ("", _MORE):
        heading, paragraphs = "", []
        if _is_heading(lines.peek(), count, pairs):
            heading = lines.take("a heading")
        while lines.peek() not in ("", _MORE) and not _is_heading(lines.peek(), count, pairs):
            paragraph, note = _lift_citations(lines.peek(), count, pairs)
            notes += [f"line {lines.number()}: {note}"] if note else []
            paragraphs.append(paragraph)
            lines.at += 1
        if not paragraphs:
            lines.at -= 1
            raise lines.refuse(f"no paragraph follows the heading {_shorten(heading)}", "a paragraph, whole to its end")
        sections.append(Section(heading=heading, paragraphs=tuple(paragraphs)))
    if not sections:
        raise lines.refuse("no section follows the summary", "headed sections")
    return tuple(sections), notes


def _is_heading(line: str, count: int, pairs: set[tuple[str, str]]) -> bool:
    paragraph = _lift_citations(line, count, pairs)[0]
    if paragraph.citations:
        return False
    asks = line.rstrip(_CLOSERS)[-1:] in ("?", "!", "？", "！")
    return not _ends_sentence(line) or (asks and len(line) <= 120)


def _ends_sentence(text: str) -> bool:
    return text.rstrip(_CLOSERS).endswith(tuple(_STOPS))


def _split_run(line: str) -> tuple[str, str, str]:
    """Text, the numbers that stand free at its end, and the closing punctuation after those.

    By stripping from the end, not by a pattern: the time stays linear on lines made of digits.
    """
    bare = line.rstrip(_CLOSERS).rstrip(_STOPS)
    text = bare.rstrip(_RUN)
    free = re.search(r"\s", bare[len(text) :])  # "GPT4" and the "1" of "3.1" are not free
    text = bare[: len(text) + free.start()] if free else bare
    return text, bare[len(text) :], line[len(bare) :]


def _lift_citations(line: str, count: int, pairs: set[tuple[str, str]]) -> tuple[Paragraph, str]:
    """The paragraph without the numbers of sources at its end; a note where that was a guess, else ""."""
    text, run, end = _split_run(line)
    backwards = reversed(list(_DIGITS.finditer(line, len(text), len(text + run))))
    numbers = list(takewhile(lambda n: _positions(n[0], count), backwards))[::-1]
    if not numbers or not text.strip(_BLANKS) or not _ends_sentence(end or text):
        return Paragraph(text=line), ""
    notes = []
    before = line[: numbers[0].start()].rstrip(_BLANKS)
    word = before.split()[-1][-40:]
    if _belongs(before, numbers[0][0], pairs):
        notes.append(f'"{word} {numbers[0][0]}" is read as text, not as a citation')
        before = line[: numbers.pop(0).end()]
    elif word.lstrip(_OPENERS)[:1].isupper():  # a name, perhaps of a product with a number
        notes.append(f'"{word} {numbers[0][0]}" is read as a citation, not as text')
    if not numbers:
        return Paragraph(text=line), notes[0]
    for number in numbers:
        if len(found := _positions(number[0], count)) > 1:
            notes.append(f'"{number[0]}" is read as the citations {", ".join(map(str, found))}')
    citations = dict.fromkeys(position for number in numbers for position in _positions(number[0], count))
    return Paragraph(text=before + end, citations=tuple(citations)), "; ".join(notes)


def _positions(digits: str, count: int) -> tuple[int, ...]:
    """The sources that a number names: one, or several where raised digits were copied without a blank."""
    if digits.startswith("0") or len(digits) > 4:
        return ()
    if int(digits) <= count:
        return (int(digits),)
    single = tuple(map(int, digits))
    ascending = all(a < b for a, b in pairwise(single))
    return single if len(single) > 1 and single[0] > 0 and single[-1] <= count and ascending else ()


def _belongs(before: str, number: str, pairs: set[tuple[str, str]]) -> bool:
    """Whether a number is a part of the sentence before it, as in "Llama 3", "5 to 2", "on July 2"."""
    *_, second, last = ["", "", *before[-200:].split()]
    if last in _DATED and second.casefold() not in _BEFORE_MONTH and int(number) <= 31:
        return True
    return last.casefold() in _NEVER_LAST or (_word(last), number) in pairs


def _word(token: str) -> str:
    return token.strip(_OPENERS + _CLOSERS).casefold()


def _find_pairs(lines: _Lines) -> set[tuple[str, str]]:
    """Every word with the number behind it in running text. In sections not at a sentence's end: the
    number there may be a citation itself."""
    texts = [line for _, line in lines.lines]
    end = texts.index(_MORE, lines.at) if _MORE in texts[lines.at :] else len(texts)
    found = set()
    for at, line in enumerate(texts):
        in_section = lines.at <= at < end
        text, _, tail = _split_run(line)
        line = text if in_section and _ends_sentence(tail or text) else line
        for word, token in pairwise(line.split()):
            number = _NUMBER.match(token.lstrip(_OPENERS))
            if number and not (in_section and _ends_sentence(token)):
                found.add((_word(word), number[0]))
    return found


def _read_related(lines: _Lines) -> list[Story]:
    stories: list[Story] = []
    if lines.peek():
        lines.take(_MORE)
        stories.append(_read_block(lines))
    while lines.peek():
        if len(stories) == MAX_RELATED:
            raise lines.refuse(f"more than {MAX_RELATED} related stories", f"at most {MAX_RELATED}")
        stories.append(_read_block(lines))
    return stories


def _read_block(lines: _Lines) -> Story:
    """One related story. Its publishers and number of sources stand there twice, for two widths of screen."""
    short, title = lines.take(_BLOCK), lines.take(_BLOCK)
    stem = short.rstrip("….\u00a0 ")
    if not stem or not title.startswith(stem):
        lines.at -= 1
        raise lines.refuse(f"{_shorten(title)} does not begin with {_shorten(short)}", _BLOCK)
    if _is_shown(lines.peek()):
        raise lines.refuse("a block without a summary", _BLOCK)
    summary = lines.take(_BLOCK)
    names, count = _read_shown(lines)
    if _is_shown(lines.peek()):
        number = lines.number()
        if (again := _read_shown(lines)) != (names, count):
            problem = f"the second row of publishers and count differs from the first: {_shorten(again)}"
            raise InvalidPage(lines.file, number, problem, "the same row twice")
    sources = [Source(publisher=Publisher(name=name)) for name in names] + [Source()] * (count - len(names))
    return Story(id=_id_of(title), title=title, short_title=short, summary=summary, sources=tuple(sources))


def _is_shown(line: str) -> bool:
    return line.endswith(" logo") or _COUNT.fullmatch(line) is not None


def _read_shown(lines: _Lines) -> tuple[list[str], int]:
    """The row of publishers, which may be missing, and the number of sources."""
    names: list[str] = []
    if lines.peek().endswith(" logo"):
        names = [name.strip() for name in lines.take(_BLOCK).split(" logo")[:-1]]
    if not all(names):
        lines.at -= 1
        raise lines.refuse("a publisher without a name", 'a row such as "Reuters logoBBC logo"')
    count = _read_count(lines)
    if len(names) > count:
        lines.at -= 1
        raise lines.refuse(f"{len(names)} publishers stand above {count} sources", "at most one publisher a source")
    return names, count


def _distinct(stories: tuple[Story, ...], lines: _Lines) -> tuple[Story, ...]:
    """The stories, each once and valid. Raises InvalidPage where two that differ would have one id."""
    found: dict[str, Story] = {}
    places = {line: number for number, line in lines.lines}  # the last, where a line stands twice
    for story in stories:
        number = places[story.title]
        if found.setdefault(story.id, story) != story:
            raise InvalidPage(lines.file, number, f"two stories have the id {story.id}", "one story for a title")
        try:
            parse_story(msgspec.json.encode(story))
        except InvalidStory as refused:
            pointer, problem, allowed = refused.faults[0]
            raise InvalidPage(lines.file, number, f"{pointer}: {problem}", allowed) from None
    return tuple(found.values())


def _id_of(title: str) -> str:
    return slug_of(title)[:128].strip("-")


def _shorten(value: object) -> str:
    text = str(value)
    return f'"{text}"' if len(text) <= 60 else f'"{text[:57]}…"'
