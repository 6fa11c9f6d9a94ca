"""/v1/feeds/search: valid by the rules of each format, and nothing of a story is lost on the way to a reader."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from xml.etree.ElementTree import fromstring

import feedparser
import pytest
from flask.testing import FlaskClient

from tests.api.conftest import MakeClient
from tests.api.feeds.reading import expect_content, flatten, read_content, to_seconds, to_time
from tests.api.feeds.rules import ATOM, CONTENT, check_atom, check_json_feed, check_rss, check_url
from tests.api.helpers import check_problem, faults_of, found, get, search
from tests.support.factories import build_stories, make_story

BASE = "https://news.example.com"
CHECKS = {"json": check_json_feed, "rss": check_rss, "atom": check_atom}
MEDIA_TYPES = {"json": "application/feed+json", "rss": "application/rss+xml", "atom": "application/atom+xml"}
Json = dict[str, Any]


@pytest.fixture(scope="module")
def site(make_client: MakeClient, sample_index: Path) -> FlaskClient:
    """The sample, at a public address."""
    return make_client(sample_index, BASE)


def feed_pages(client: FlaskClient, form: str, query: str = "") -> Iterator[bytes]:
    """The documents from the first page on, as each form's own link leads."""
    url: str | None = f"/v1/feeds/search.{form}?{query}"
    while url:
        response = client.get(url)
        assert response.status_code == 200, response.text
        yield response.data
        following = find_next(form, response.data)
        url = following and following[following.index("/v1/") :]


def find_next(form: str, document: bytes) -> str | None:
    if form == "json":
        following: str | None = json.loads(document).get("next_url")
        return following
    links = fromstring(document).iter(f"{ATOM}link")
    return next((link.get("href") for link in links if link.get("rel") == "next"), None)


def read_entries(form: str, document: bytes) -> list[Json]:
    """What a reader of each form takes for the parts of a story."""
    if form == "json":
        return [read_item(item) for item in json.loads(document)["items"]]
    parsed = feedparser.parse(document)
    assert not parsed.bozo, parsed
    return [read_parsed(form, entry) for entry in parsed.entries]


def read_item(item: Json) -> Json:
    more = item.get("_outpost", {})
    return {
        "id": item["id"], "share_url": item["url"], "title": item["title"], "summary": item.get("summary", ""),
        "short_title": more.get("short_title", ""), "related": more.get("related", []),
        "curated_by": "".join(author["name"] for author in item.get("authors", [])),
        "published_at": to_seconds(item.get("date_published")), "updated_at": to_seconds(item.get("date_modified")),
        "language": item["language"], "topics": item.get("tags", []), "image_url": item.get("image"),
        **{"content": item["content_html"]},
    }  # fmt: skip


def read_parsed(form: str, entry: Any) -> Json:
    links = entry.links
    picture = [link["href"] for link in links if link["rel"] == "enclosure"]
    picture += [media["url"] for media in entry.get("media_content", [])]
    # get() would give the time of publication, with a warning.
    updated = to_time(entry["updated_parsed"]) if "updated_parsed" in entry else None
    summary = entry.get("summary", "") if form == "atom" else html.unescape(entry.get("summary", ""))
    return {
        "id": entry.id, "share_url": entry.link, "title": entry.title, "summary": summary,
        "short_title": entry.get("dcterms_alternative", ""), "curated_by": entry.get("author", ""),
        "related": [link["href"] for link in links if link["rel"] == "related"],
        "published_at": to_time(entry.get("published_parsed")), "updated_at": updated,
        "language": entry.get("dc_language") or entry.get("language") or entry.title_detail.language,
        "topics": [tag["term"] for tag in entry.get("tags", [])], "image_url": next(iter(picture), None),
        "content": entry.content[0].value,
    }  # fmt: skip


def expect_entry(form: str, detail: Json) -> Json:
    """The same parts from /v1/stories/{id}."""
    names = "share_url title summary short_title curated_by language image_url".split()
    updated = to_seconds(detail["updated_at"])
    if form == "atom":
        updated = updated or to_seconds(detail["published_at"]) or "1970-01-01T00:00:00Z"
    return {
        "id": detail["url"], **{name: detail[name] for name in names}, "updated_at": updated,
        "published_at": to_seconds(detail["published_at"]), "topics": [topic["label"] for topic in detail["topics"]],
    }  # fmt: skip


# --- nothing is lost ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", CHECKS)
def test_every_field_of_every_story_is_read_back_and_every_page_is_valid(site: FlaskClient, form: str) -> None:
    read = 0
    for document in feed_pages(site, form, "per_page=30"):
        CHECKS[form](document)
        for entry in read_entries(form, document):
            detail = get(site, urlsplit(entry["id"]).path + "?include=sections,sources")
            content, related = entry.pop("content"), entry.pop("related")
            assert flatten(entry) == flatten(expect_entry(form, detail))
            assert flatten(read_content(content, detail["summary"])) == flatten(expect_content(detail))
            given = get_input(site, detail["id"]).get("related", [])
            assert related == [f"{BASE}/v1/stories/{ident}" for ident in given]
            read += 1
    assert read == search(site)["total"]


def get_input(client: FlaskClient, ident: str) -> Json:
    if not hasattr(get_input, "stories"):
        lines = client.get("/v1/export/stories.ndjson").data.splitlines()
        get_input.stories = {story["id"]: story for story in map(json.loads, lines)}  # type: ignore[attr-defined]
    story: Json = get_input.stories[ident]  # type: ignore[attr-defined]
    return story


@pytest.mark.parametrize("form", CHECKS)
def test_texts_that_attack_are_valid_and_stay_texts(hostile: FlaskClient, form: str) -> None:
    [document] = feed_pages(hostile, form)
    CHECKS[form](document)
    entries = {entry["id"].rpartition("/")[2]: entry for entry in read_entries(form, document)}
    for ident, entry in entries.items():
        detail = get(hostile, f"/v1/stories/{ident}")
        raw = entry["content"]
        assert "<script" not in raw
        assert "<b>" not in raw
        if form == "json":
            assert (entry["title"], entry["summary"]) == (detail["title"], detail["summary"])
        assert flatten(entry["title"]) == flatten(detail["title"])
        assert entry["published_at"] == to_seconds(detail["published_at"])
    assert entries["think"]["title"] == "<think> is a word"
    assert flatten(entries["cjk"]["summary"]) == "新しい ロボット が歩く"
    assert entries["undated"]["published_at"] is None


@pytest.mark.parametrize("form", CHECKS)
def test_what_xml_cannot_say_is_replaced_and_what_ends_its_sections_is_not(
    make_client: MakeClient, tmp_path: Path, form: str
) -> None:
    title = "a\ufffeb\uffff ]]> <![CDATA[ &lt; 👩‍🚀"
    story = make_story("1", title=title, summary=title, topics=[title], curated_by=title, short_title=title)
    client = make_client(build_stories(tmp_path / "index", [story]))
    [document] = feed_pages(client, form)
    CHECKS[form](document)
    expected = title if form == "json" else title.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
    if form == "json":
        [entry] = read_entries(form, document)
        assert (entry["title"], entry["topics"]) == (expected, [expected])
    else:
        texts = [element.text for element in fromstring(document).iter()]
        assert expected in texts


@pytest.mark.parametrize("text", ["\x00", "\x1b[31m", "\ufffe", "]]>", "<script>", "a\r\nb", "%ED%A0%80", '"><x y="'])
@pytest.mark.parametrize("form", CHECKS)
def test_a_query_of_any_characters_makes_a_valid_feed(client: FlaskClient, form: str, text: str) -> None:
    sent = text if "%" in text else quote(text)
    response = client.get(f"/v1/feeds/search.{form}?q=robot+{sent}&topic={sent}")
    assert response.status_code == 200
    CHECKS[form](response.data)


def test_a_feed_of_very_long_stories_has_their_summaries_and_not_all_their_text(
    make_client: MakeClient, tmp_path: Path
) -> None:
    text = "wave " * 300_000
    stories = [
        make_story(
            str(n), summary=f"Summary {n}", published_at=f"2025-01-0{n + 1}T00:00:00Z",
            sections=[{"paragraphs": [{"text": text}]}],
        )
        for n in range(4)
    ]  # fmt: skip
    client = make_client(build_stories(tmp_path / "index", stories))
    [document] = feed_pages(client, "json")
    sizes = [len(item["content_html"]) for item in check_json_feed(document)["items"]]
    assert sizes == [1_500_023, 1_500_023, 16, 16]


# --- which stories, and in which order ---------------------------------------------------------------------


@pytest.mark.parametrize("form", CHECKS)
@pytest.mark.parametrize(
    ("query", "same"),
    [("", ""), ("q=ferry", "q=ferry&sort=newest"), ("q=ferry&sort=relevance", "q=ferry"),
     ("q=robot&topic=-transport&from=2025-02-01", "q=robot&topic=-transport&from=2025-02-01&sort=newest"),
     ("q=nihgt+ferrry", "q=nihgt+ferrry&sort=newest"), ("q=nowhereword&typo=off", "q=nowhereword&typo=off")],
)  # fmt: skip
def test_a_feed_has_the_stories_of_its_search_newest_first(
    client: FlaskClient, form: str, query: str, same: str
) -> None:
    pages = list(feed_pages(client, form, f"per_page=4&{query}"))
    ids = [entry["id"].rpartition("/")[2] for page in pages for entry in read_entries(form, page)]
    parameters = dict(pair.split("=") for pair in same.replace("+", " ").split("&") if pair)
    assert ids == found(client, **parameters)


@pytest.mark.parametrize("form", ["rss", "atom"])
def test_pages_say_where_first_next_and_previous_are(site: FlaskClient, form: str) -> None:
    response = site.get(f"/v1/feeds/search.{form}?q=robot&per_page=3&page=2")
    root = fromstring(response.data)
    links = {link.get("rel"): link.get("href") for link in root.iter(f"{ATOM}link") if link.get("rel") != "related"}
    query = f"{BASE}/v1/feeds/search.{form}?q=robot&per_page=3"
    assert links["first"] == links["previous"] == query
    assert links["self"] == f"{query}&page=2"
    assert links["next"] == f"{query}&page=3"


def test_all_pages_of_an_atom_feed_have_one_id(site: FlaskClient) -> None:
    ids = {fromstring(page).findtext(f"{ATOM}id") for page in feed_pages(site, "atom", "q=robot&per_page=3")}
    assert ids == {f"{BASE}/v1/feeds/search.atom?q=robot&per_page=3"}


def test_a_cursor_of_the_api_and_a_page_beyond_the_window_are_refused(client: FlaskClient) -> None:
    cursor = search(client, per_page=20, sort="newest")["next_cursor"]
    assert faults_of(client.get(f"/v1/feeds/search.atom?cursor={cursor}")) == [("cursor", "invalid_value")]
    check_problem(client.get("/v1/feeds/search.atom?page=101&per_page=100"), 400, "page_window_exceeded")


@pytest.mark.parametrize("name", ["facets", "fields", "highlight", "snippet_words"])
def test_what_a_feed_does_not_have_is_no_parameter_of_it(client: FlaskClient, name: str) -> None:
    assert faults_of(client.get(f"/v1/feeds/search.rss?{name}=1"), "unknown_parameter") == [(name, "unknown_parameter")]


def test_an_empty_feed_is_valid(client: FlaskClient) -> None:
    for form, check in CHECKS.items():
        check(client.get(f"/v1/feeds/search.{form}?q=nowhereword").data)


# --- the answer --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", CHECKS)
def test_a_search_leads_to_its_feed_without_what_is_not_the_feeds(site: FlaskClient, form: str) -> None:
    response = site.get("/v1/search?q=robot&topic=ai,-x&sort=oldest&page=2&per_page=2&facets=topic&match=any")
    link = response.json["links"]["feed"]
    assert link == f"{BASE}/v1/feeds/search.atom?q=robot&topic=ai%2C-x&match=any"
    assert f'<{link}>; rel="alternate"; type="application/atom+xml"' in response.headers["Link"]
    path = link.removeprefix(BASE).replace(".atom", f".{form}")
    CHECKS[form](site.get(path).data)


@pytest.mark.parametrize("form", CHECKS)
def test_it_has_its_media_type_and_may_be_kept(site: FlaskClient, form: str) -> None:
    headers = site.get(f"/v1/feeds/search.{form}").headers
    assert headers["Content-Type"] == f"{MEDIA_TYPES[form]}; charset=utf-8"
    assert headers["Cache-Control"] == "public, max-age=300, stale-while-revalidate=3600"


@pytest.mark.parametrize("form", CHECKS)
def test_a_reader_that_has_it_is_told_so_by_tag_or_by_time(
    site: FlaskClient, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the sample had been built long ago.
    monkeypatch.setattr("api.feeds.views._SETTLED", timedelta(0))
    first = site.get(f"/v1/feeds/search.{form}?q=robot")
    tag, time = first.headers["ETag"], first.headers["Last-Modified"]
    for headers in (
        {"If-None-Match": tag},
        {"If-Modified-Since": time},
        {"If-None-Match": tag, "If-Modified-Since": time},
    ):
        again = site.get(f"/v1/feeds/search.{form}?q=robot", headers=headers)
        assert (again.status_code, again.data) == (304, b""), headers
        assert again.headers["ETag"] == tag
    # The tag counts where there are both (RFC 9110, 13.1.3).
    older = {"If-Modified-Since": "Wed, 01 Jan 2020 00:00:00 GMT"}
    for headers in ({"If-None-Match": '"x"', "If-Modified-Since": time}, older, {"If-Modified-Since": "yesterday"}):
        assert site.get(f"/v1/feeds/search.{form}?q=robot", headers=headers).status_code == 200


def test_what_changes_with_the_clock_has_no_time_of_its_own(site: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.feeds.views._SETTLED", timedelta(0))
    assert "Last-Modified" in site.get("/v1/feeds/search.atom?from=2025-01-01").headers
    assert "Last-Modified" not in site.get("/v1/feeds/search.atom?from=now-7d").headers


def test_an_index_that_may_be_followed_within_the_second_has_no_time(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(build_stories(tmp_path / "index", [make_story()]))
    assert "Last-Modified" not in client.get("/v1/feeds/search.atom").headers


# --- whole addresses ---------------------------------------------------------------------------------------


def addresses_of(document: bytes) -> set[str]:
    return {urlsplit(url).netloc for url in re.findall(r'https?://[^\s<>"\\]+/(?:v1|s|search)\b', document.decode())}


@pytest.mark.parametrize("form", CHECKS)
def test_the_public_address_counts_whatever_host_is_sent(site: FlaskClient, form: str) -> None:
    for headers in ({"Host": "evil.example.com"}, {"X-Forwarded-Host": "evil.example.com"}, {"Host": 'a"b'}):
        response = site.get(f"/v1/feeds/search.{form}", headers=headers)
        assert addresses_of(response.data) == {"news.example.com"}


@pytest.mark.parametrize("form", CHECKS)
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "[::1]:8000", "news.example.org", "localhost", "a-b.c:1"])
def test_without_one_a_client_gets_the_address_that_it_asked_and_nobody_else_does(
    client: FlaskClient, form: str, host: str
) -> None:
    response = client.get(f"/v1/feeds/search.{form}", headers={"Host": host, "X-Forwarded-Host": "evil.example.com"})
    assert addresses_of(response.data) == {host}
    assert response.headers["Cache-Control"].startswith("private")
    other = client.get(f"/v1/feeds/search.{form}", headers={"Host": "other.example.org"})
    assert addresses_of(other.data) == {"other.example.org"}
    assert other.headers["ETag"] != response.headers["ETag"]


NO_HOSTS = ["", "a b", 'a"b', "<x>", "a/b", "user@evil.example.com", "a:b:c", "a:999999", "ä.example", "a\\b", "[x]"]
NO_HOSTS += ["-a", "a" * 300, "evil.example.com#", "evil.example.com?", "[::1"]


@pytest.mark.parametrize("host", NO_HOSTS)
@pytest.mark.parametrize("form", CHECKS)
def test_a_host_that_is_none_is_refused(client: FlaskClient, form: str, host: str) -> None:
    response = client.get(f"/v1/feeds/search.{form}", headers={"Host": host})
    check_problem(response, 400, "bad_request")


def test_the_content_of_a_feed_has_whole_addresses_only(site: FlaskClient) -> None:
    contents = fromstring(site.get("/v1/feeds/search.rss?per_page=100").data).iter(f"{CONTENT}encoded")
    urls = [url for content in contents for url in re.findall(r'(?:href|src)="([^"]*)"', content.text or "")]
    assert len(urls) > 100
    for url in urls:
        check_url(html.unescape(url))


def test_a_story_that_cites_one_long_address_again_and_again_does_not_fill_a_feed(
    make_client: MakeClient, tmp_path: Path
) -> None:
    url = "https://example.com/" + "a" * 4000
    paragraphs = [{"text": "wave", "citations": [1] * 1000}] * 3
    stories = [
        make_story("1", summary="S", sources=[{"url": url}], sections=[{"paragraphs": paragraphs}]),
        make_story("2", sources=[{"url": url}], sections=[{"paragraphs": [{"text": "wave", "citations": [1] * 2000}]}]),
        make_story("3", summary="Short", sections=[{"paragraphs": [{"text": "wave"}]}]),
    ]
    [document] = feed_pages(make_client(build_stories(tmp_path / "index", stories)), "json")
    contents = {item["id"][-1]: item["content_html"] for item in check_json_feed(document)["items"]}
    assert contents == {"1": "<p>S</p>", "2": "", "3": "<p>Short</p><p>wave</p>"}


def test_an_entry_has_a_hundred_topics_and_related_stories_at_most(make_client: MakeClient, tmp_path: Path) -> None:
    story = make_story("1", topics=[f"Topic {n}" for n in range(200)], related=[f"r{n}" for n in range(200)])
    [document] = feed_pages(make_client(build_stories(tmp_path / "index", [story])), "json")
    (item,) = check_json_feed(document)["items"]
    assert (len(item["tags"]), len(item["_outpost"]["related"])) == (100, 100)
