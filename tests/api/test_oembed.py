"""/oembed: what another site needs to show a story."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient

from index.documents.story import Story
from tests.api.conftest import HOSTILE, MakeClient
from tests.api.helpers import Json, check_problem, faults_of, get
from tests.api.html import HtmlPage, text_of
from tests.support.factories import build_stories, make_story

NAME = "ferry-robot-takes-its-first-morning-shift-on-the-skerrow-crossing-31001"
BASE = "https://news.example.com"


def embed(client: FlaskClient, url: str = f"/s/{NAME}", **parameters: object) -> Json:
    response = client.get("/oembed", query_string={"url": url, **parameters})
    assert response.status_code == 200, response.text
    answer: Json = response.json
    return answer


@pytest.fixture
def public(make_client: MakeClient, sample_index: Path) -> FlaskClient:
    return make_client(sample_index, BASE)


def test_a_story_is_a_quotation_that_links_to_it(public: FlaskClient) -> None:
    answer, story = embed(public), get(public, "/v1/stories/31001")
    assert (answer["version"], answer["type"]) == ("1.0", "rich")
    assert (answer["title"], answer["author_name"]) == (story["title"], "Ada Lindqvist")
    assert (answer["provider_name"], answer["provider_url"]) == ("Outpost", f"{BASE}/")
    quotation = HtmlPage(answer["html"])
    assert quotation.root.tag == "blockquote"
    assert quotation.one("a").get("href") == story["share_url"]
    for text in (story["title"], story["summary"], "Harbor Ledger"):
        assert text in text_of(quotation.root)


def test_its_size_stays_within_what_there_is(public: FlaskClient) -> None:
    whole = embed(public)
    assert whole["width"] == 600
    narrow = embed(public, maxwidth=320)
    assert narrow["width"] == 320
    assert narrow["height"] > whole["height"]
    assert embed(public, maxheight=whole["height"])["type"] == "rich"
    link = embed(public, maxheight=whole["height"] - 1)
    assert link["type"] == "link"
    assert link.keys().isdisjoint({"html", "width", "height"})


def test_xml_says_the_same(public: FlaskClient) -> None:
    response = public.get("/oembed", query_string={"url": f"/s/{NAME}", "format": "xml"})
    assert response.content_type == "text/xml; charset=utf-8"
    root = ElementTree.fromstring(response.data)
    assert root.tag == "oembed"
    assert {one.tag: one.text for one in root} == {name: str(value) for name, value in embed(public).items()}


def test_xml_is_xml_whatever_the_texts_are(make_client: MakeClient, tmp_path: Path) -> None:
    odd = make_story("1", title="a\ufffe\uffff <&> ]]> \t b", curated_by="'\"")
    client = make_client(build_stories(tmp_path / "index", [odd]))
    response = client.get("/oembed", query_string={"url": "/s/x-1", "format": "xml"})
    assert ElementTree.fromstring(response.data).findtext("title") == "a\ufffd\ufffd <&> ]]> \t b"


@pytest.mark.parametrize("story", HOSTILE, ids=lambda story: story.id)
def test_the_quotation_holds_texts_and_no_markup_of_theirs(hostile: FlaskClient, story: Story) -> None:
    quotation = HtmlPage(embed(hostile, f"/s/x-{story.id}")["html"])
    assert {one.tag for one in quotation.root.iter()} <= {"blockquote", "p", "a", "strong", "footer"}
    assert {name for one in quotation.root.iter() for name in one.attrib} <= {"class", "lang", "href", "dir"}
    assert story.title in text_of(quotation.root)


@pytest.mark.parametrize(
    "url",
    [f"/s/{NAME}", f"{BASE}/s/{NAME}", f"{BASE}/s/an-old-slug-31001", f"http://localhost/s/{NAME}?utm_source=x#top"],
)
def test_an_address_of_ours_is_known_however_it_is_spelled(public: FlaskClient, url: str) -> None:
    assert embed(public, url)["title"].startswith("Ferry robot")


def test_without_a_public_url_links_stand_where_the_asked_address_does(client: FlaskClient) -> None:
    answer = embed(client, f"http://localhost/s/{NAME}")
    assert HtmlPage(answer["html"]).one("a").get("href") == f"http://localhost/s/{NAME}"
    assert HtmlPage(embed(client)["html"]).one("a").get("href") == f"/s/{NAME}"


@pytest.mark.parametrize(
    "url",
    [f"https://evil.example.com/s/{NAME}", f"//evil.example.com/s/{NAME}", f"javascript://localhost/s/{NAME}", f"ftp://localhost/s/{NAME}",
     f"http://localhost@evil.example.com/s/{NAME}", f"http://evil.example.com\\@localhost/s/{NAME}", f"http://localhost:81/s/{NAME}",
     f"{BASE}.evil.example.com/s/{NAME}", f"{BASE}@evil.example.com/s/{NAME}", "http://[::1/s/x-31001", "http://localhost/v1/stories/31001",
     "javascript:/s/x-31001", "31001", "", "/", "/s/", "/s/never", "http://localhost/", "\r\nLocation: x", f"http://user@localhost/s/{NAME}"],
)  # fmt: skip
def test_an_address_of_others_is_no_story(public: FlaskClient, client: FlaskClient, url: str) -> None:
    for one in (public, client):
        check_problem(one.get("/oembed", query_string={"url": url}), 404, "not_found")


def test_who_claims_another_host_gets_no_answer_for_others(client: FlaskClient) -> None:
    url = f"http://evil.example.com/s/{NAME}"
    lying = client.get("/oembed", query_string={"url": url}, headers={"Host": "evil.example.com"})
    assert lying.status_code == 200
    check_problem(client.get("/oembed", query_string={"url": url}), 404, "not_found")


def test_mistakes_are_told(client: FlaskClient) -> None:
    assert faults_of(client.get("/oembed")) == [("url", "missing")]
    wrong = client.get("/oembed", query_string={"url": "/s/x-31001", "maxwidth": "wide", "format": "yaml"})
    assert faults_of(wrong) == [("maxwidth", "invalid_value"), ("format", "invalid_value")]
