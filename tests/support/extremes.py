"""Texts at the ends of what a story may hold, and stories of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from index.documents.story import EARLIEST, LATEST, Paragraph, Publisher, Section, Source, Story

_SIZES = range(253, 258)  # a byte counts to 255, and a term has at most 255 letters
EXTREMES = {
    "blank": " ",
    "a letter": "x",
    "a mark without a letter": "\u0301",
    "stop words": "the of and " * 50,
    "punctuation": "!?.,;:'\"<>&-–—…" * 30,
    "words of about 255 letters": " ".join("x" * size for size in _SIZES),
    "words of about 255 bytes": " ".join(["é" * (size // 2) + "x" * (size % 2) for size in _SIZES]),
    "words of about 65,535 bytes in several fields": " ".join("字" * size for size in (2730, 2731)),
    "a word of 5,000 letters": "x" * 5000,
    "gaps of about 255 bytes": "chip ".join("-" * size for size in _SIZES),
    "a gap of 2,000 characters": "chip " + "—" * 2000 + " chips",
    "gaps of escapes": "chip".join("\\\"\n'&<" * size for size in (1, 20, 21, 22, 64)),
    "300 words": " ".join(f"w{number}" for number in range(300)),
    "one word 300 times": "robot " * 300,
    "words of one letter": " ".join("abcdefghij" * 30),
    "dotted": ".".join("ab" * 1500),
    "dots and letters": "a.b. " * 100,
    "underscores": "_" * 300 + " _a_ __",
    "digits": "1" * 300 + " 2.3.4 " + "٣" * 200,
    "no blanks": "東京都知事選挙" * 100,
    "no blanks, as long as a term": "東京都知事選挙" * 30,
    "right to left": "שלום עולם مرحبا بالعالم " * 40,
    "emoji": "👩\u200d💻🎉😀🏳️\u200d🌈" * 50,
    "combining marks": "e" + "\u0301" * 2000 + " a" + "\u0300" * 300,
    "joiners": "a\u200db\u200dc " * 50 + "\u200d" * 300 + "\ufeff\u202e\u2066abc\u2069",
    "white space": "a\tb\nc\rd\u00a0e\u2028f\u2029g\u3000h\u200bi \t\r\n" * 20,
    "longer in lower case": "İ" * 127 + " " + "İ" * 128 + " " + "ŉ" * 200 + " ßx",
    "the last code points": "\U0010fffd\U0001f600\U000e0100\ufffd" * 50,
    "letters beyond 16 bits": "𝔘𝔫𝔦" * 50 + " " + "𝔘" * 300,
    "operators": '-chip "robot OR (x* title:y -"',
}


def make_extreme(ident: str, text: str, time: datetime | None = None) -> Story:
    """``text`` in every field that takes any."""
    source = Source(
        url="https://example.com/" + ident,
        title=text,
        publisher=Publisher(name=text, domain=text),
        author=text,
        excerpt=text,
    )
    times = {} if time is None else {"published_at": time, "updated_at": time}
    return Story(
        id=ident,
        title=text if text.strip() else "T",
        short_title=text,
        summary=text,
        curated_by=text,
        **times,
        topics=(text, ""),
        sections=(
            Section(heading=text, paragraphs=(Paragraph(text=text, citations=(1, 1)), Paragraph(text=""))),
            Section(),
        ),
        sources=(source, Source(title=text)),
    )


def _repeat(texts: tuple[str, ...], sizes: SearchStrategy[int]) -> SearchStrategy[str]:
    return st.builds(lambda text, size: text * size, st.sampled_from(texts), sizes)


_pieces = st.one_of(
    st.sampled_from(("chip", "Chips", "robot", "the", "x", "U.S.", "İx", " ", " ", "\n", ". ", "'", '"', "<b>", "&")),
    _repeat(("x", "é", "字", "İ", "𝔘", "a.", "e\u0301"), st.one_of(st.integers(60, 66), st.integers(84, 130))),
    _repeat(("x", "-", "—", "\\", "'", "\u200d", "😀"), st.integers(250, 260)),
)
extreme_texts = st.lists(_pieces, max_size=12).flatmap(
    lambda pieces: st.sampled_from((" ", "")).map(lambda between: between.join(pieces))
)
_times = st.sampled_from((EARLIEST, LATEST - timedelta(microseconds=1), datetime(2025, 1, 1, tzinfo=UTC), None))
# All of a corpus tie where each has the same text and time.
extreme_corpora = st.one_of(
    st.lists(st.tuples(extreme_texts, _times), min_size=1, max_size=3),
    st.builds(lambda one, size: [one] * size, st.tuples(extreme_texts, _times), st.integers(1, 4)),
).map(lambda pairs: [make_extreme(str(number), *pair) for number, pair in enumerate(pairs)])
