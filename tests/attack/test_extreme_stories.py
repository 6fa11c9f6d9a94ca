"""Extreme texts, each as the only story of a build and of an update; input that must be refused, in bounds."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from index.errors import IndexUnavailable, InvalidDocuments
from index.indexer import build_index, update_index
from index.live import LiveIndex
from index.query.requests import SearchQuery
from tests.attack.figures import Attack, list_wrong
from tests.support.factories import build_stories, make_story, write_stories

TIMEOUT = 20
# Megabytes of rejects.ndjson, and kilobytes of one line of it.
REJECTS_MEGABYTES, LINE_KILOBYTES = 17, 200
# Two processes: one that crashes ends the attack, not the run.
PROCESSES = 2


def words(count: int, step: int = 1) -> str:
    return " ".join(f"w{n * step}" for n in range(count))


TEXTS: dict[str, dict[str, Any]] = {
    "a word of 256 letters": {"summary": "x" * 256},
    "a word of 70,000 letters": {"summary": "x" * 70_000},
    "a word of 256 letters in the title": {"title": "x" * 256},
    "25,000 words": {"summary": words(25_000)},
    "70,000 different words": {"sections": [{"paragraphs": [{"text": words(70_000, 7)}]}]},
    "the same word 70,000 times": {"summary": "tide " * 70_000},
    "two words 70,000 times": {"title": "tide mill " * 35_000},
    "emoji": {"title": "🛶🏽‍♂️", "summary": "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿" * 5_000},
    "combining marks": {"title": "Z" + "\u0301" * 3_000, "summary": ("e" + "\u0301\u0323" * 50 + " ") * 500},
    "CJK": {"title": "夜間渡輪", "summary": "夜間渡輪停駛港口" * 8_000},
    "right to left": {"title": "\u202eעיתון", "summary": "שלום \u200f\u202e" * 5_000},
    "no word at all": {"title": "…", "summary": "!?…— " * 10_000},
    "letters that grow": {"title": "İ" * 300, "summary": "ẞﬃ" * 20_000},
    "Unicode's last characters": {"title": "\U0010fffd\U0010ffff", "summary": "\ufffe\uffff\u2028\u2029" * 5_000},
    "1,000 sources": {"sources": [{"url": f"https://a.example/{n}", "title": "t" * 300} for n in range(1_000)]},
    "10,000 topics": {"topics": [f"T {n} {'y' * 200}" for n in range(10_000)]},
    "10,000 related": {"related": [f"r{n}" for n in range(10_000)]},
}
REFUSED = {
    "id .": '{"id": ".", "title": "One"}',
    "id ..": '{"id": "..", "title": "One"}',
    "a key twice": '{"id": "1", "title": "One", "title": "Two"}',
    "the same key twice": '{"id": "1", "title": "One", "title": "One"}',
    "a key twice, escaped": '{"id": "1", "title": "One", "t\\u0069tle": "Two"}',
    "a key twice within a source": '{"id": "1", "title": "One", "sources": [{"title": "a", "title": "b"}]}',
    "an unknown key twice": '{"id": "1", "title": "One", "x": 1, "x": 2}',
    "half a surrogate pair": '{"id": "1", "title": "\\ud800"}',
    "a control character": '{"id": "1", "title": "a\\u0000b"}',
    "an infinite number": '{"id": "1", "title": "a", "sources": [{"published_at": 1e999}]}',
    "100,000 brackets": '{"id": "1", "title": ' + "[" * 100_000,
    "related to ..": '{"id": "1", "title": "One", "related": [".."]}',
}
# Lines that --skip-invalid refuses, of which each says little and would have much told of it.
INVALID = {
    "one line of 400,000 faults": json.dumps(
        {"id": "2", "title": "Two", "sections": [{"paragraphs": [{"text": "a", "citations": [9] * 400_000}]}]}
    ),
    "one line of 30,000 unknown keys": json.dumps({"id": "2", **{f"unknown{n}": 1 for n in range(30_000)}}),
    "one line that is no JSON": "\x01" * 600_000,
    "15,000 lines of one fault": ('{"id": "", "title": "' + "x" * 1000 + '"}\n') * 15_000,
}


def run_each(function: Callable[[str], str], kinds: Iterable[str]) -> dict[str, str]:
    """What ``function`` says of each kind, where it is not ""; each is called in another process."""
    wrong = {}
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        results = {kind: pool.apply_async(function, (kind,)) for kind in kinds}
        for kind, result in results.items():
            try:
                problem = result.get(TIMEOUT)
            except Exception as error:
                # A process that crashes gives no result: it is waited for in vain.
                problem = f"{type(error).__name__}: {error}"[:60]
            if problem:
                wrong[kind] = problem
    return wrong


def build_extreme(way: str, home: Path, kind: str) -> str:
    """What is wrong with an index of one extreme story; "" if it is there as it came in, alone, and found."""
    story = make_story("1", **TEXTS[kind])
    root = home / f"{way}-{kind.replace(' ', '-')}"
    file = write_stories(root.with_suffix(".ndjson"), [story])
    if way == "update":
        shutil.copytree(home / "base", root)
        update_index(root, [file])
    else:
        build_index(root, [file])
    live = LiveIndex(root)
    try:
        with live.borrow() as generation:
            if generation.engine.find_stories(["1"]) != [story]:
                return "does not come back the same"
            if generation.engine.search_stories(SearchQuery()).total != 1:
                return "is not found"
    except IndexUnavailable as error:
        return str(error)
    finally:
        live.close()
    return ""


@pytest.mark.parametrize("way", ["build", "update"])
def test_extreme_text_as_only_story(way: str, tmp_path: Path, attack: Attack) -> None:
    """Texts of every extreme kind: a segment of one document."""
    build_stories(tmp_path / "base", [make_story("1")])
    wrong = run_each(partial(build_extreme, way, tmp_path), TEXTS)
    failed = [f"{kind}: {problem}" for kind, problem in wrong.items()]
    promise = "none: each is found and comes back the same"
    attack.tell(f"{way} of {len(TEXTS)} kinds of text", f"failed: {list_wrong(failed, 2)}", promise, not failed)


def build_refused(home: Path, kind: str) -> str:
    """What is wrong with how a line is refused; "" if a fault of it is told."""
    file = home / f"{kind.replace(' ', '-')}.ndjson"
    file.write_text(REFUSED[kind] + "\n")
    try:
        build_index(file.with_suffix(""), [file])
    except InvalidDocuments as error:
        return "" if {(fault.file, fault.line) for fault in error.faults} == {(str(file), 1)} else str(error)
    return "is built"


def test_input_that_must_be_refused(tmp_path: Path, attack: Attack) -> None:
    """Ids that are no path, keys that stand twice, and other lines that mean two things or nothing."""
    wrong = run_each(partial(build_refused, tmp_path), REFUSED)
    promise = "none: each fault with file and line"
    attack.tell(f"{len(REFUSED)} lines", f"not refused: {list_wrong([*wrong], 9)}", promise, not wrong)


def build_with_rejects(home: Path, kind: str) -> str:
    """The megabytes of what was refused, and the kilobytes of the longest line of it."""
    file, root = home / f"{kind}.ndjson", home / kind
    file.write_text(f'{{"id": "1", "title": "One"}}\n{INVALID[kind]}\n')
    rejects = build_index(root, [file], skip_invalid=True).rejects
    assert rejects
    with open(rejects, "rb") as lines:
        longest = max(map(len, lines))
    return f"{rejects.stat().st_size / 1e6:.1f} {longest / 1e3:.0f}"


def test_rejects_are_bounded(tmp_path: Path, attack: Attack) -> None:
    """--skip-invalid on lines of very many faults, and on very many lines of one."""
    for kind, sizes in run_each(partial(build_with_rejects, tmp_path), INVALID).items():
        try:
            megabytes, kilobytes = map(float, sizes.split())
        except ValueError:
            attack.tell(kind, sizes, "built", False)
            continue
        kept = megabytes <= REJECTS_MEGABYTES and kilobytes <= LINE_KILOBYTES
        figure = f"{megabytes:g} MB, a line {kilobytes:g} kB"
        attack.tell(kind, figure, f"{REJECTS_MEGABYTES} MB, a line {LINE_KILOBYTES} kB", kept)
