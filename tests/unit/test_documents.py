"""What a story may be, and what is said of one that may not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from index.documents.story import MAX_FAULTS, MAX_SOURCES, InvalidStory, Publisher, Source, Story, parse_story
from tests.support.factories import SAMPLE, make_story, to_line
from tests.support.strategies import stories


def refusals(line: bytes) -> list[tuple[str, str, str]]:
    """The faults of a line, which must have some."""
    with pytest.raises(InvalidStory) as caught:
        parse_story(line)
    return caught.value.faults


def pointers(**fields: Any) -> list[str]:
    """Where a line with these fields is wrong."""
    line = json.dumps({"id": "1", "title": "A title", **fields}).encode()
    return [pointer for pointer, _, _ in refusals(line)]


# --- what is accepted --------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(stories())
def test_what_is_encoded_and_parsed_again_is_the_same_story(story: Story) -> None:
    assert parse_story(to_line(story)) == story


def test_the_sample_is_encoded_to_stories_of_the_same_content() -> None:
    for line in SAMPLE.read_bytes().splitlines():
        assert json.loads(to_line(parse_story(line))) == json.loads(line)


def test_a_story_needs_an_id_and_a_title_and_no_more() -> None:
    assert parse_story(b'{"id": "1", "title": "A"}') == Story(id="1", title="A")


def test_text_that_looks_like_a_tag_is_kept_as_sent() -> None:
    story = parse_story(b'{"id": "1", "title": "<think> & \\"quotes\\"", "summary": "<script>alert(1)</script>"}')
    assert story.title == '<think> & "quotes"'
    assert story.summary == "<script>alert(1)</script>"


def test_white_space_that_real_texts_hold_is_kept() -> None:
    assert parse_story(b'{"id": "1", "title": "a\\tb", "summary": "a\\r\\nb\\u2028c"}').summary == "a\r\nb\u2028c"


def test_times_are_kept_to_the_microsecond() -> None:
    story = parse_story(b'{"id": "1", "title": "A", "published_at": "2024-05-06T09:08:09.123456+02:00"}')
    assert story.published_at == datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    assert parse_story(to_line(story)) == story


def test_two_sources_that_say_nothing_are_two_sources() -> None:
    assert parse_story(b'{"id": "1", "title": "A", "sources": [{}, {}]}').sources == (Source(), Source())


def test_ids_that_are_not_in_the_index_may_stand_among_the_related() -> None:
    assert make_story(related=["nowhere"]).related == ("nowhere",)


# --- what is refused, and where ----------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["id", "title"])
def test_a_story_without_id_or_title_is_refused(missing: str) -> None:
    fields = {"id": "1", "title": "A"}
    del fields[missing]
    line = json.dumps(fields).encode()
    ((pointer, problem, _),) = refusals(line)
    assert (pointer, problem) == (f"/{missing}", "is missing")


@pytest.mark.parametrize("title", ["", " ", "\t\n", "\u3000\u2003"])
def test_a_blank_title_is_refused(title: str) -> None:
    assert pointers(title=title) == ["/title"]


@pytest.mark.parametrize(
    "ident", ["", " ", "a b", "a/b", "../x", "é", "1\n", "x" * 129, "a?b", "a%20b", "<b>", 1, None, 1.5, ["1"]]
)
def test_an_id_that_cannot_stand_in_a_url_is_refused(ident: object) -> None:
    assert pointers(id=ident) == ["/id"]


@pytest.mark.parametrize("ident", [".", "..", "1.jsonld", ".jsonld"])
def test_an_id_whose_address_is_that_of_something_else_is_refused(ident: str) -> None:
    assert pointers(id=ident, related=["fine", ident, "..."]) == ["/id", "/related/1"]
    assert pointers(id=ident, title="") == ["/title", "/id"]


@pytest.mark.parametrize("ident", ["...", ".a", "a.", "..a", "~", "-", "--", "_", "a.jsonld.", "a.JSONLD", "x" * 128])
def test_an_id_that_no_client_changes_is_taken(ident: str) -> None:
    assert make_story(ident) == parse_story(to_line(make_story(ident)))


def test_an_index_that_holds_an_id_now_refused_can_still_be_read() -> None:
    assert msgspec.json.decode(b'{"id": ".", "title": "A"}', type=Story).id == "."


@pytest.mark.parametrize(
    "time",
    [
        "2024-01-02T03:04:05",  # naive
        "2024-01-02",
        "yesterday",
        "",
        "2024-13-01T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "2024-01-01T25:00:00Z",
        "2024-01-01T00:00:00+99:00",
        "0001-01-01T00:00:00+10:00",  # before the first that Python knows, in UTC
        "9999-12-31T23:59:59-10:00",
        "1599-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z",
        "2199-12-31T23:59:59-01:00",  # in UTC it is 2200
        1_700_000_000,
        1e300,
        True,
        None,
    ],
)
def test_naive_and_absurd_times_are_refused_wherever_a_time_may_stand(time: object) -> None:
    fields = {"published_at": time, "updated_at": time, "sources": [{"published_at": time}]}
    assert pointers(**fields) == ["/published_at", "/updated_at", "/sources/0/published_at"]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        " https://example.com/",
        "https://example.com/a b",
        "https://example.com/\u0000",
        "https://exa<b>mple.com/",
        'https://exa"mple.com/',
        "https://",
        "https:///path",
        "//example.com/",
        "/path",
        "ftp://example.com/",
        "file:///etc/passwd",
        "vbscript:x",
        "https:javascript:alert(1)",
        "",
        "https://example.com/" + "x" * 4096,
        1,
        None,
    ],
)
def test_only_http_urls_are_taken_wherever_a_url_may_stand(url: object) -> None:
    fields = {"image_url": url, "sources": [{"url": url}, {"publisher": {"logo_url": url}}]}
    assert pointers(**fields) == ["/image_url", "/sources/0/url", "/sources/1/publisher/logo_url"]


@pytest.mark.parametrize("control", ["\x00", "\x07", "\x08", "\x0b", "\x0c", "\x1b", "\x1f", "\x7f", "\x80", "\x9f"])
def test_control_characters_are_refused_in_every_text(control: str) -> None:
    bad = f"a{control}b"
    fields = {
        "title": bad,
        "short_title": bad,
        "summary": bad,
        "curated_by": bad,
        "topics": ["fine", bad],
        "sections": [{"heading": bad, "paragraphs": [{"text": "fine"}, {"text": bad}]}],
        "sources": [{"title": bad, "author": bad, "excerpt": bad, "publisher": {"name": bad, "domain": bad}}],
    }
    assert pointers(**fields) == [
        "/title",
        "/short_title",
        "/summary",
        "/curated_by",
        "/topics/1",
        "/sections/0/heading",
        "/sections/0/paragraphs/1/text",
        "/sources/0/title",
        "/sources/0/publisher/name",
        "/sources/0/publisher/domain",
        "/sources/0/author",
        "/sources/0/excerpt",
    ]


def test_what_is_told_of_a_fault_holds_no_control_characters() -> None:
    title = b"\\u001b[2J \\u202e \\u2028 \\ue000 \\ud83d\\ude00x"
    for fault in refusals(b'{"id": "%s", "title": "%s", "\\u0007bell\\u202e": 1}' % (title, title)):
        assert all(text.isprintable() for text in fault)


def test_a_control_character_is_named_with_its_place() -> None:
    (fault,) = refusals(b'{"id": "1", "title": "A", "summary": "caf\xc3\xa9 \\u000b \\u0000"}')
    problem = "character 6 is the control character U+000B"
    assert fault == ("/summary", problem, "text without control characters")


@pytest.mark.parametrize("language", ["", "e", "english please", "en_US", "en-", "en-\n", "日本", 5])
def test_a_language_that_is_no_tag_is_refused(language: object) -> None:
    assert pointers(language=language) == ["/language"]


def test_citations_that_point_nowhere_are_refused_each_at_its_place() -> None:
    paragraphs = [{"text": "a", "citations": [1, 3]}, {"text": "b", "citations": [2, 1000]}]
    fields = {"sections": [{}, {"paragraphs": paragraphs}], "sources": [{}, {}]}
    faults = refusals(json.dumps({"id": "1", "title": "A", **fields}).encode())
    assert [pointer for pointer, _, _ in faults] == [
        "/sections/1/paragraphs/0/citations/1",
        "/sections/1/paragraphs/1/citations/1",
    ]
    assert faults[0][1:] == ("citation 3 points to no source", "1 to 2")


@pytest.mark.parametrize("citation", [0, -1, 1.5, "1", None, True, MAX_SOURCES + 1, 10**18, 10**19, 2**64])
def test_a_citation_that_is_no_position_is_refused(citation: object) -> None:
    fields = {"sections": [{"paragraphs": [{"text": "a", "citations": [citation]}]}], "sources": [{}]}
    assert pointers(**fields) == ["/sections/0/paragraphs/0/citations/0"]


def test_a_citation_in_a_story_without_sources_says_that_there_are_none() -> None:
    fields = {"sections": [{"paragraphs": [{"text": "a", "citations": [1]}]}]}
    ((_, _, allowed),) = refusals(json.dumps({"id": "1", "title": "A", **fields}).encode())
    assert allowed == "none, for the story has no sources"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"colour": "red"}, "/colour"),
        ({"Title": "x"}, "/Title"),
        ({"a/b~c": 1}, "/a~1b~0c"),
        ({"sources": [{}, {"link": "x"}]}, "/sources/1/link"),
        ({"sources": [{"publisher": {"id": "x"}}]}, "/sources/0/publisher/id"),
        ({"sections": [{"paragraphs": [{"text": "x", "html": ""}]}]}, "/sections/0/paragraphs/0/html"),
    ],
)
def test_a_field_that_is_not_known_is_refused_at_its_place(fields: dict[str, object], pointer: str) -> None:
    assert pointers(**fields) == [pointer]


@pytest.mark.parametrize(
    ("inner", "pointer"),
    [
        ('"title": "B"', "/title"),
        ('"\\u0074itle": "B"', "/title"),
        ('"title" : "A"', "/title"),
        ('"summary": "a", "summary": "a"', "/summary"),
        ('"sections": [{"heading": "", "heading": "x"}]', "/sections/0/heading"),
        ('"sections": [{}, {"paragraphs": [{"text": "a", "text": "b"}]}]', "/sections/1/paragraphs/0/text"),
        ('"sources": [{}, {"url": "http://a.example", "url": "http://b.example"}]', "/sources/1/url"),
        ('"sources": [{"publisher": {"name": "a", "name": "b"}}]', "/sources/0/publisher/name"),
        ('"topics": ["\\":", ":"], "topics": []', "/topics"),
    ],
)
def test_a_key_that_occurs_twice_is_refused_at_its_place(inner: str, pointer: str) -> None:
    fault = (pointer, "the key occurs more than once", "each key once in an object")
    assert refusals(f'{{"id": "1", "title": "A", {inner}}}'.encode()) == [fault]


def test_a_key_that_occurs_twice_is_told_beside_other_faults() -> None:
    line = b'{"id": "a b", "id": "1", "title": "A", "x/y": {"k": 1, "k": 2}, "summary": 5, "related": ["..", "1"]}'
    assert sorted(pointer for pointer, _, _ in refusals(line)) == [
        "/id", "/related/0", "/summary", "/x~1y", "/x~1y/k",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"title": 5}, "/title"),
        ({"summary": None}, "/summary"),
        ({"summary": ["x"]}, "/summary"),
        ({"topics": "AI"}, "/topics"),
        ({"topics": ["AI", 5]}, "/topics/1"),
        ({"topics": {"0": "AI"}}, "/topics"),
        ({"sections": {}}, "/sections"),
        ({"sections": ["text"]}, "/sections/0"),
        ({"sections": [{"paragraphs": ["text"]}]}, "/sections/0/paragraphs/0"),
        ({"sections": [{"paragraphs": [{}]}]}, "/sections/0/paragraphs/0/text"),
        ({"sources": "https://example.com"}, "/sources"),
        ({"sources": [None]}, "/sources/0"),
        ({"sources": [{"publisher": "Reuters"}]}, "/sources/0/publisher"),
        ({"sources": [{}] * (MAX_SOURCES + 1)}, "/sources"),
        ({"related": [1]}, "/related/0"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_at_its_place(fields: dict[str, object], pointer: str) -> None:
    assert pointers(**fields) == [pointer]


def test_every_fault_of_a_line_is_told_at_once() -> None:
    fields = {
        "id": "a b",
        "title": "",
        "published_at": "2024-01-01T00:00:00",
        "updated_at": "2500-01-01T00:00:00Z",
        "image_url": "data:,x",
        "sections": [{"paragraphs": [{"text": "a", "citations": [1, 2]}, {"text": "b", "citations": [9]}]}],
        "sources": [{"url": "javascript:x", "published_at": "1066-10-14T00:00:00Z"}],
        "extra": 1,
    }
    assert sorted(pointers(**fields)) == [
        "/extra",
        "/id",
        "/image_url",
        "/published_at",
        "/sections/0/paragraphs/0/citations/1",
        "/sections/0/paragraphs/1/citations/0",
        "/sources/0/published_at",
        "/sources/0/url",
        "/title",
        "/updated_at",
    ]


BOMBS = {
    "unknown keys": b",".join(b'"%d":1' % n for n in range(300_000)),
    "paragraphs": b'"sections":[%s]' % b",".join([b'{"paragraphs":[%s]}' % b",".join([b"{}"] * 1000)] * 100),
    "citations": b'"sections":[{"paragraphs":[{"text":"a","citations":[%s]}]}]' % b",".join([b"9"] * 1_000_000),
    "topics": b'"topics":[%s]' % b",".join([b"{}"] * 1000),
    "duplicates": b",".join(b'"%d":1,"%d":2' % (n, n) for n in range(100_000)),
    "deep duplicates": b'"x":' + b'{"%s":' % (b"k" * 1000) * 500 + b'{"a":1,"a":2}' + b"}" * 500,
    "long keys": b'"%s":1,"%s":1' % (b"~" * 1_000_000, "é".encode() * 500_000),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_faults_of_a_line_are_bounded_in_number_and_length(bomb: str) -> None:
    with pytest.raises(InvalidStory) as caught:
        parse_story(b'{"id": "1", "title": "A", %s}' % BOMBS[bomb])
    faults = caught.value.faults
    assert 1 <= len(faults) <= MAX_FAULTS
    assert caught.value.more is (bomb not in ("deep duplicates", "long keys"))
    assert all(len(text) <= 300 for fault in faults for text in fault)


def test_faults_of_a_line_that_are_all_told_are_said_to_be_all() -> None:
    def refused(count: int) -> InvalidStory:
        with pytest.raises(InvalidStory) as caught:
            parse_story(json.dumps({"id": "1", "title": "A", "topics": [1] * count}).encode())
        return caught.value

    assert [len(refused(count).faults) for count in (MAX_FAULTS, MAX_FAULTS + 1)] == [MAX_FAULTS, MAX_FAULTS]
    assert [refused(count).more for count in (MAX_FAULTS, MAX_FAULTS + 1)] == [False, True]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b"5",
        b'"text"',
        b"{",
        b"id,title\n1,A",
        b"<html></html>",
        b"NaN",
        b'{"id": "1", "title": "A", "summary": NaN}',
        b'{"id": "1", "title": "A", "summary": Infinity}',
        b'{"id": "1", "title": "A", "summary": 1e999}',
        b'{"id": "1", "title": "A", "summary": ' + b"9" * 5000 + b"}",
        b"{'id': '1', 'title': 'A'}",
        b'{"id": "1", "title": "A",}',
        b'{"id": "1", "title": "A"} {"id": "2", "title": "B"}',
        b'{"id": "1", "title": "A\x00"}',
        b'{"id": "1", "title": "line\nbreak"}',
        b'{"id": "1", "title": "A\xff"}',
        b'{"id": "1", "title": "\xed\xa0\x80"}',  # a surrogate in UTF-8's clothes
        b'{"id": "1", "title": "\xc0\xaf"}',
        '{"id": "1", "title": "A"}'.encode("utf-16"),
        b'{"id": "1", "title": "\\ud800"}',
        b'{"id": "1", "title": "\\udc00 alone"}',
        b'{"id": "1", "title": "A", "key\\ud800": 1}',
    ],
)
def test_a_line_that_is_no_json_object_is_refused_as_a_whole(line: bytes) -> None:
    ((pointer, problem, allowed),) = refusals(line)
    assert pointer == ""
    assert problem
    assert allowed


@pytest.mark.parametrize("opening", [b"[", b'{"id":', b'{"id": "1", "title": "A", "sections": [', b'{"id":[{"a":'])
@pytest.mark.parametrize("depth", [100, 900, 1100, 100_000])
def test_nesting_bombs_are_refused(opening: bytes, depth: int) -> None:
    assert refusals(opening * depth)
    closing = opening[::-1].translate(bytes.maketrans(b"[{", b"]}"), b'"idtlescoan: ,1AI')
    assert refusals(opening * depth + b"1" + closing * depth)


# --- what follows from a story -----------------------------------------------------------------------------


def test_one_publisher_is_one_however_it_is_spelled() -> None:
    names = [{"name": "Reuters"}, {"name": "REUTERS"}, {"name": "cnn.com"}, {"domain": "www.CNN.com"}, {}]
    story = make_story(sources=[{"publisher": name} for name in names] + [{}])
    assert [publisher.id for publisher in story.publishers] == ["reuters", "cnn-com"]


def test_the_domain_of_a_source_is_its_publishers_else_that_of_its_url() -> None:
    url = "https://www.example.com:8080/a"
    assert Source(url=url, publisher=Publisher(domain="WWW.Reuters.com")).domain == "reuters.com"
    assert Source(url=url, publisher=Publisher(name="Reuters")).domain == "example.com"
    assert Source(url=url, publisher=Publisher(domain=" ")).domain == "example.com"
    assert Source().domain == ""


def test_the_body_is_headings_and_paragraphs_a_line_each() -> None:
    section = {"heading": "One", "paragraphs": [{"text": "two"}, {"text": ""}, {"text": "three"}]}
    assert make_story(sections=[section, {"paragraphs": [{"text": "four"}]}]).body == "One\ntwo\nthree\nfour"


@settings(max_examples=100, deadline=None)
@given(stories())
def test_a_slug_can_stand_in_a_url_whatever_the_title_is(story: Story) -> None:
    assert 1 <= len(story.slug) <= 80
    assert msgspec.json.encode(story.slug).decode().strip('"').replace("-", "a").isalnum()
    assert story.slug == story.slug.lower()
    assert story.slug.isascii()


def test_the_slug_of_a_very_long_title_is_that_of_its_beginning() -> None:
    assert make_story(title="é " * 1_000_000).slug == make_story(title="é " * 500).slug == "e-" * 39 + "e"
    assert make_story(title="!" * 1000 + "ferry").slug.startswith("x-")
