"""The newest stories, topics, publishers and stories as pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import HOSTILE, MakeClient
from tests.api.helpers import Json, get
from tests.api.html import HtmlPage, get_page, text_of
from tests.support.factories import SAMPLE, build_stories, make_story

LINES: dict[str, Json] = {line["id"]: line for line in map(json.loads, SAMPLE.read_text("utf-8").splitlines())}
IDS = sorted(LINES)


def story_page(client: FlaskClient, ident: str) -> HtmlPage:
    return get_page(client, get(client, f"/v1/stories/{ident}")["share_url"].removeprefix("https://news.example.com"))


def titles(page: HtmlPage) -> list[str]:
    cards = page.all("article", class_="card")
    return [text_of(part) for card in cards for part in card if part.tag in ("h2", "h3")]


# --- the newest --------------------------------------------------------------------------------------------


def test_the_first_page_has_the_newest_stories_and_leads_to_all(client: FlaskClient) -> None:
    page = get_page(client, "/")
    newest = get(client, "/v1/stories?per_page=21")["results"]
    assert titles(page) == [story["title"] for story in newest]
    links = {link.get("href") for link in page.all("a")}
    assert {story["share_url"] for story in newest} <= links
    assert {"/search?page=2", "/docs"} <= links


def test_the_first_page_leads_to_topics_and_publishers_with_their_counts(client: FlaskClient) -> None:
    page = get_page(client, "/")
    facets = get(client, "/v1/search?facets=topic,publisher&facet_size=14&per_page=1")["facets"]
    for name, path in (("topic", "topics"), ("publisher", "publishers")):
        for value in facets[name]["values"]:
            link = page.all("a", href=f"/{path}/{value['value']}")[-1]
            assert text_of(link) == f"{value['label']} {value['count']}"


def test_the_first_page_says_what_is_current(client: FlaskClient) -> None:
    current = [one for one in get(client, "/v1/suggest?limit=8")["suggestions"] if one["type"] == "query"]
    page = get_page(client, "/")
    said = [text_of(link) for link in page.all("a", page.one("p", class_="trending"))]
    assert current
    assert {one["text"] for one in current} <= set(said)


# --- topics and publishers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        ("/topics/energy", "topic=energy", "Energy"),
        ("/topics/c-plus-plus", "topic=c-plus-plus", "C++"),
        ("/publishers/harbor-ledger", "publisher=harbor-ledger", "Harbor Ledger"),
    ],
)
def test_a_topic_or_publisher_has_its_stories_newest_first(
    client: FlaskClient, path: str, query: str, name: str
) -> None:
    page = get_page(client, path)
    answer = get(client, f"/v1/stories?{query}")
    assert text_of(page.one("h1")) == name
    assert titles(page) == [story["title"] for story in answer["results"]]
    assert f"{answer['total']} stories" in text_of(page.one("header", class_="heading"))
    assert page.link(rel="alternate", type="application/rss+xml") == f"/v1/feeds/search.rss?{query}"


def test_pages_of_a_publisher_hold_every_story_once(client: FlaskClient) -> None:
    url, seen = "/publishers/harbor-ledger?per_page=9", []
    while url:
        page = get_page(client, url)
        seen += titles(page)
        url = next((link.get("href") for link in page.all("a", rel="next")), "")
    assert seen == [one["title"] for one in get(client, "/v1/stories?publisher=harbor-ledger&per_page=100")["results"]]


def test_counts_beside_a_topic_lead_to_as_many_stories(client: FlaskClient) -> None:
    page = get_page(client, "/topics/energy")
    values = page.all("a", page.all("ul", class_="values")[0])
    assert values
    for link in values:
        label, _, count = text_of(link).rpartition(" ")
        answer = get(client, link.get("href", "").replace("/search", "/v1/search"))
        assert answer["total"] == int(count), label


def test_a_label_leads_to_its_topic(client: FlaskClient) -> None:
    response = client.get("/topics/Open Source")
    assert (response.status_code, response.headers["Location"]) == (301, "/topics/open-source")


def test_a_publisher_shows_logo_and_website_only_where_they_are_such(client: FlaskClient, hostile: FlaskClient) -> None:
    page = get_page(client, "/publishers/harbor-ledger")
    assert page.one("img").get("src") == "https://harbor-ledger.example.com/logo.png"
    assert page.all("a", href="https://harbor-ledger.example.com/")
    unknown = get_page(hostile, "/publishers/x-" + "0" * 12, 404)
    assert text_of(unknown.one("h1")) == "Page not found"


# --- a story -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ident", IDS)
def test_a_story_page_has_all_that_the_story_says(client: FlaskClient, ident: str) -> None:
    line, page = LINES[ident], story_page(client, ident)
    article = page.one("article", class_="story")
    said = text_of(article)
    assert text_of(page.one("h1")) == " ".join(line["title"].split())
    assert article.get("lang") == line.get("language", "en")
    texts = [line.get("summary", ""), line.get("curated_by", ""), *line.get("topics", [])]
    for section in line.get("sections", []):
        texts += [section.get("heading", ""), *(one["text"] for one in section["paragraphs"])]
    for source in line.get("sources", []):
        publisher = source.get("publisher", {})
        texts += [
            source.get("title", ""),
            source.get("author", ""),
            source.get("excerpt", ""),
            publisher.get("name", ""),
        ]
        assert not source.get("url") or page.all("a", article, href=source["url"])
    for text in texts:
        assert " ".join(text.split()).casefold() in said.casefold()
    if line.get("sources"):
        count = len(line["sources"])
        assert text_of(page.one("a", article, class_="count")) == f"{count} source{'s' * (count > 1)}"


def test_a_citation_leads_to_its_source_and_back(client: FlaskClient) -> None:
    page = story_page(client, "31001")
    citations = [link for marks in page.all("span", class_="marks") for link in page.all("a", marks)]
    wanted = [n for section in LINES["31001"]["sections"] for one in section["paragraphs"] for n in one["citations"]]
    assert [text_of(link) for link in citations] == [str(n) for n in wanted]
    by_id = {one.get("id"): one for one in page.root.iter() if one.get("id")}
    for link, n in zip(citations, wanted, strict=True):
        source = by_id[link.get("href", "")[1:]]
        assert LINES["31001"]["sources"][n - 1]["title"] in text_of(source)
        assert any(back.get("href") == f"#{link.get('id')}" for back in source.iter("a"))


def test_the_curator_leads_to_their_stories_however_they_are_called(make_client: MakeClient, tmp_path: Path) -> None:
    stories = [make_story(str(n), curated_by=name) for n, name in enumerate(["-Night, Desk-", "Night Desk", "Other"])]
    client = make_client(build_stories(tmp_path / "index", stories))
    link = story_page(client, "0").one("a", rel="author").get("href", "")
    assert sorted(titles(get_page(client, link))) == ["Story 0", "Story 1"]


def test_a_story_says_when_it_was_published_and_updated(make_client: MakeClient, tmp_path: Path) -> None:
    story = make_story("1", published_at="2024-07-24T18:02:00+02:00", updated_at="2024-07-25T06:00:00.5Z")
    page = story_page(make_client(build_stories(tmp_path / "index", [story])), "1")
    assert [text_of(time) for time in page.all("time")] == [
        "Wed, 24 Jul 2024, 16:02 UTC",
        "Thu, 25 Jul 2024, 06:00 UTC",
    ]
    assert page.all("time")[0].get("datetime") == "2024-07-24T16:02:00Z"


def test_what_to_continue_with_is_what_the_api_says_with_publishers_and_counts(client: FlaskClient) -> None:
    related = get(client, "/v1/stories/31001/related")["results"]
    page = story_page(client, "31001")
    cards = page.all("article", page.one("section", class_="related"), class_="card")
    assert len(cards) == len(related) == 5
    for card, story in zip(cards, related, strict=True):
        assert page.one("a", card).get("href") == story["share_url"]
        assert story["publishers"][0]["name"] in text_of(card)
        assert f"{story['source_count']} source" in text_of(card)


@pytest.mark.parametrize(
    "slug", ["x", "", "an-older-title", "FERRY", "%0d%0aX: y", "%2F%2Fevil.example.com", "x" * 300]
)
@pytest.mark.parametrize("base", ["", "https://news.example.com"])
def test_a_wrong_slug_leads_to_the_right_one(make_client: MakeClient, sample_index: Path, slug: str, base: str) -> None:
    client = make_client(sample_index, base)
    response = client.get(f"/s/{slug}-31001", headers={"Host": "evil.example.com"})
    if "/" in slug or "%2F" in slug:
        assert response.status_code == 404
    else:
        assert (response.status_code, response.headers["Location"]) == (
            301,
            f"{base}/s/ferry-robot-takes-its-first-morning-shift-on-the-skerrow-crossing-31001",
        )


def test_what_other_sites_add_to_a_shared_address_changes_nothing(client: FlaskClient) -> None:
    url = get(client, "/v1/stories/31001")["share_url"]
    plain, shared = client.get(url), client.get(f"{url}?fbclid=x&utm_source=y&anything=z")
    assert (shared.status_code, shared.data) == (200, plain.data)


def test_sharing_needs_no_script_where_the_public_url_is_known(make_client: MakeClient, sample_index: Path) -> None:
    page = story_page(make_client(sample_index, "https://news.example.com"), "31001")
    address = page.link(rel="canonical")
    share = page.one("details", class_="share")
    assert page.one("a", share, class_="address").get("href") == address
    links = [urlsplit(link.get("href", "")) for link in page.all("a", share)]
    mail = next(link for link in links if link.scheme == "mailto")
    assert parse_qs(mail.query) == {"subject": [LINES["31001"]["title"]], "body": [address]}
    others = [link for link in links if link.scheme == "https" and link.hostname != "news.example.com"]
    assert len(others) >= 3
    assert all([address] in parse_qs(link.query).values() for link in others)


# --- what machines read of a page --------------------------------------------------------------------------


@pytest.mark.parametrize("ident", ["31001", "32021"])
def test_a_story_page_has_what_previews_and_search_engines_read(
    make_client: MakeClient, sample_index: Path, ident: str
) -> None:
    client = make_client(sample_index, "https://news.example.com")
    page, story = story_page(client, ident), get(client, f"/v1/stories/{ident}")
    assert page.link(rel="canonical") == page.meta("og:url") == story["share_url"]
    assert page.meta("og:type") == "article"
    assert page.meta("og:title") == story["title"]
    assert page.meta("og:image") == story["image_url"]
    assert page.meta("twitter:card") == ("summary_large_image" if story["image_url"] else "summary")
    assert page.meta("article:published_time") == story["published_at"]
    assert story["summary"].startswith((page.meta("og:description") or "").rstrip("…"))
    data = json.loads("".join(page.one("script", type="application/ld+json").itertext()))
    assert data == json.loads(client.get(f"/v1/stories/{ident}.jsonld").data)


def test_a_story_page_leads_to_its_oembed(make_client: MakeClient, sample_index: Path) -> None:
    for base in ("", "https://news.example.com"):
        client = make_client(sample_index, base)
        page = story_page(client, "31001")
        url = page.link(rel="alternate", type="application/json+oembed")
        assert url.startswith(f"{base}/oembed?")
        assert client.get(url.removeprefix(base)).json["title"] == LINES["31001"]["title"]
        assert client.get(page.link(rel="alternate", type="text/xml+oembed").removeprefix(base)).mimetype == "text/xml"


def test_without_a_public_url_addresses_are_paths_and_none_is_claimed(client: FlaskClient) -> None:
    response = client.get("/s/x-31001", headers={"Host": "evil.example.com"}, follow_redirects=True)
    assert "evil" not in response.text
    page = HtmlPage(response.text)
    assert page.meta("og:url") is None
    assert page.link(rel="canonical").startswith("/s/")


@pytest.mark.parametrize("url", ["/", "/search?q=ferry", "/topics/energy", "/publishers/harbor-ledger"])
def test_a_list_has_feeds_and_the_search_of_browsers(client: FlaskClient, url: str) -> None:
    page = get_page(client, url)
    for kind in ("application/rss+xml", "application/atom+xml", "application/feed+json"):
        assert page.link(rel="alternate", type=kind).startswith("/v1/feeds/search.")
    assert page.link(rel="search", type="application/opensearchdescription+xml") == "/opensearch.xml"


def test_links_within_a_page_stand_below_the_path_of_the_public_url(
    make_client: MakeClient, sample_index: Path
) -> None:
    client = make_client(sample_index, "https://example.com/news")
    for url in ("/", "/search?q=ferry", "/topics/energy", "/publishers/harbor-ledger", "/nope/x"):
        response = client.get(url, headers={"Accept": "text/html"})
        page = HtmlPage(response.text)
        links = [one.get("href", "") for one in [*page.all("a"), *page.all("link")]]
        links += [one.get("src", "") for one in page.all("script")] + [
            one.get("action", "") for one in page.all("form")
        ]
        assert links
        assert all(link.startswith(("/news/", "#", "https://")) for link in links), links


# --- texts of every kind -----------------------------------------------------------------------------------


@pytest.mark.parametrize("story", HOSTILE, ids=lambda story: story.id)
def test_texts_that_look_like_html_are_texts(hostile: FlaskClient, story: Any) -> None:
    page = story_page(hostile, story.id)
    assert text_of(page.one("h1")) == story.title
    assert page.all("b") == page.all("i") == page.all("think") == []
    assert len(page.all("script")) == 2
    # The white space of "</script >" would end the element too.
    assert "<" not in text_of(page.one("script", type="application/ld+json"))
    for url in ("/", "/search", "/search?q=robot", "/search?q=%3Cscript%3Ealert(1)%3C/script%3E"):
        listed = get_page(hostile, url)
        assert len(listed.all("script")) == 1
        assert listed.all("i") == listed.all("think") == []


def test_every_text_of_a_story_has_its_language_and_finds_its_direction(
    make_client: MakeClient, tmp_path: Path
) -> None:
    story = make_story(
        "1", title="مرفأ جديد", summary="ملخص", language="ar", topics=["طاقة"], published_at="2025-01-01T00:00:00Z",
        sections=[{"heading": "عنوان", "paragraphs": [{"text": "نص", "citations": [1]}]}],
        sources=[{"title": "مصدر", "url": "https://example.com/a", "publisher": {"name": "جريدة"}}],
    )  # fmt: skip
    client = make_client(build_stories(tmp_path / "index", [story]))
    for page in (story_page(client, "1"), get_page(client, "/"), get_page(client, "/search?q=مرفأ")):
        assert page.one("article").get("lang") == "ar"
        directed = [text_of(one) for one in page.root.iter() if one.get("dir") == "auto" or one.tag == "bdi"]
        assert "مرفأ جديد" in directed
        assert "جريدة" in directed
    page = story_page(client, "1")
    directed = [text_of(one) for one in page.root.iter() if one.get("dir") == "auto" or one.tag == "bdi"]
    for text in ("ملخص", "طاقة", "عنوان", "مصدر", "نص 1"):
        assert text in directed


def test_a_picture_that_is_not_encrypted_is_left_out_as_the_policy_would_refuse_it(
    make_client: MakeClient, tmp_path: Path
) -> None:
    stories = [make_story(scheme, image_url=f"{scheme}://img.example.com/a.png") for scheme in ("http", "https")]
    client = make_client(build_stories(tmp_path / "index", stories))
    assert story_page(client, "http").all("img") == []
    assert story_page(client, "https").one("img").get("referrerpolicy") == "no-referrer"
