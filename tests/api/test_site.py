"""Sitemaps, robots.txt and opensearch.xml: valid, complete, and with addresses that lead somewhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.robotparser import RobotFileParser
from xml.etree.ElementTree import Element, fromstring

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import MakeClient
from tests.api.feeds.rules import check_atom, check_rss, check_time, check_url
from tests.api.helpers import check_problem, every_page, get
from tests.support.factories import build_stories, make_story

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
NEWS = "{http://www.google.com/schemas/sitemap-news/0.9}"
OPENSEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"
BASE = "https://news.example.com"


def read(client: FlaskClient, url: str) -> Element:
    response = client.get(urlsplit(url).path, buffered=True)
    assert response.status_code == 200
    assert response.content_type == "application/xml"
    assert len(response.data) < 50 * 1024 * 1024
    return fromstring(response.data)


def read_sitemaps(client: FlaskClient) -> dict[str, list[tuple[str, str | None]]]:
    """(loc, lastmod) of each page, by the name of its sitemap; checks what the protocol asks for."""
    index = read(client, "/sitemap.xml")
    assert index.tag == f"{SITEMAP}sitemapindex"
    found = {}
    for entry in index:
        assert entry.tag == f"{SITEMAP}sitemap"
        url = entry.findtext(f"{SITEMAP}loc") or ""
        check_url(url)
        pages = read(client, url)
        assert pages.tag == f"{SITEMAP}urlset"
        found[url.rpartition("/")[2]] = [
            (page.findtext(f"{SITEMAP}loc") or "", page.findtext(f"{SITEMAP}lastmod")) for page in pages
        ]
        times = [time for _, time in found[url.rpartition("/")[2]] if time]
        for time in times:
            check_time(time)
        if last := entry.findtext(f"{SITEMAP}lastmod"):
            # Of all parts of a month.
            assert datetime.fromisoformat(last) >= max(map(datetime.fromisoformat, times))
    return found


def test_every_story_is_in_one_sitemap_with_its_page_and_its_last_change(
    make_client: MakeClient, sample_index: Path
) -> None:
    client = make_client(sample_index, BASE)
    sitemaps = read_sitemaps(client)
    stories = [story for page in every_page(client, "/v1/stories?per_page=50") for story in page["results"]]
    expected = sorted((story["share_url"], story["updated_at"] or story["published_at"]) for story in stories)
    assert sorted(page for name, pages in sitemaps.items() if name != "news.xml" for page in pages) == expected
    for name, pages in sitemaps.items():
        months = {(story["published_at"] or "undated")[:7] for story in stories if story["share_url"] in dict(pages)}
        assert months <= {name[:7]}


def test_stories_without_a_time_have_a_sitemap_of_their_own(hostile: FlaskClient) -> None:
    pages = dict(read_sitemaps(hostile)["undated-1.xml"])
    expected = {
        f"http://localhost{get(hostile, f'/v1/stories/{ident}')['share_url']}" for ident in ("undated", "a.b~c_d-e")
    }
    assert pages.keys() == expected
    # One has a change, the other no time at all.
    assert sorted(map(str, pages.values())) == ["2025-03-05T00:00:00.123456Z", "None"]


def test_a_month_with_too_many_stories_has_several(
    make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.routes.sitemap.MAX_URLS", 3)
    stories = [make_story(str(n), published_at=f"2025-01-{n + 1:02}T00:00:00Z") for n in range(7)]
    sitemaps = read_sitemaps(make_client(build_stories(tmp_path / "index", stories)))
    assert {name: len(pages) for name, pages in sitemaps.items()} == {
        "news.xml": 0, "2025-01-1.xml": 3, "2025-01-2.xml": 3, "2025-01-3.xml": 1,
    }  # fmt: skip
    assert len({url for pages in sitemaps.values() for url, _ in pages}) == 7


def test_an_index_without_stories_of_a_month_has_no_sitemap_of_it(client: FlaskClient) -> None:
    for name in ("1999-01-1.xml", "2025-01-2.xml", "2025-01-0.xml", "2025-13-1.xml", "x", "..%2Fx", "undated-2.xml"):
        check_problem(client.get(f"/sitemaps/{name}"), 404, "not_found")


def test_the_news_are_those_of_two_days_as_google_reads_them(make_client: MakeClient, tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    stories = [
        make_story(
            str(hours), title=f"<{hours}> \ufffe", language="pt-BR", curated_by="The Desk" if hours == 1 else "",
            published_at=(now - timedelta(hours=hours)).isoformat(),
        )
        for hours in (1, 47, 49)
    ]  # fmt: skip
    client = make_client(build_stories(tmp_path / "index", stories), BASE)
    pages = list(read(client, "/sitemaps/news.xml"))
    news: list[Any] = [page.find(f"{NEWS}news") for page in pages]
    assert [one.findtext(f"{NEWS}title") for one in news] == ["<1> \ufffd", "<47> \ufffd"]
    names = [one.findtext(f"{NEWS}publication/{NEWS}name") for one in news]
    assert names == ["The Desk", "Outpost"]
    assert {one.findtext(f"{NEWS}publication/{NEWS}language") for one in news} == {"pt"}
    assert news[0].findtext(f"{NEWS}publication_date") == (now - timedelta(hours=1)).isoformat().replace("+00:00", "Z")


def test_crawlers_read_stories_and_feeds_and_no_searches(make_client: MakeClient, sample_index: Path) -> None:
    text = make_client(sample_index, BASE).get("/robots.txt").text
    robots = RobotFileParser()
    robots.parse(text.splitlines())
    assert robots.site_maps() == [f"{BASE}/sitemap.xml"]
    for path in ("/", "/s/x-31001", "/topics/ai", "/v1/feeds/search.rss?q=a", "/sitemap.xml"):
        assert robots.can_fetch("crawler", BASE + path), path
    for path in ("/v1/search?q=a", "/v1/stories", "/search?q=a", "/1/indexes/*/queries"):
        assert not robots.can_fetch("crawler", BASE + path), path


@pytest.mark.parametrize("path", ["/sitemap.xml", "/robots.txt", "/opensearch.xml", "/sitemaps/2025-01-1.xml"])
def test_an_answer_that_names_the_host_it_was_asked_at_is_for_the_client_alone(client: FlaskClient, path: str) -> None:
    response = client.get(path, headers={"Host": "evil.example.com"}, buffered=True)
    assert "http://evil.example.com/" in response.text
    assert "private" in response.headers["Cache-Control"]
    check_problem(client.get(path, headers={"Host": '"><x>'}), 400, "bad_request")


def test_a_browser_finds_results_feeds_and_suggestions_by_the_description(
    make_client: MakeClient, sample_index: Path
) -> None:
    client = make_client(sample_index, BASE)
    response = client.get("/opensearch.xml")
    assert response.content_type == "application/opensearchdescription+xml"
    root = fromstring(response.data)
    assert root.tag == f"{OPENSEARCH}OpenSearchDescription"
    # Of OpenSearch 1.1: how long texts may be, and that each address has its type.
    assert 0 < len(root.findtext(f"{OPENSEARCH}ShortName") or "") <= 16
    assert 0 < len(root.findtext(f"{OPENSEARCH}Description") or "") <= 1024
    templates = {url.get("type"): url.get("template") or "" for url in root.findall(f"{OPENSEARCH}Url")}
    assert templates.pop("text/html") == f"{BASE}/search?q={{searchTerms}}"
    assert templates.pop("application/opensearchdescription+xml") == f"{BASE}/opensearch.xml"
    answers = {
        media_type: client.get(template.removeprefix(BASE).replace("{searchTerms}", quote('night & "ferry')))
        for media_type, template in templates.items()
    }
    assert all(answer.mimetype == media_type for media_type, answer in answers.items())
    check_atom(answers["application/atom+xml"].data)
    check_rss(answers["application/rss+xml"].data)
    assert json.loads(answers["application/x-suggestions+json"].data)[0] == 'night & "ferry'


def test_suggestions_for_a_browser_are_those_of_the_api_each_once(client: FlaskClient) -> None:
    typed, completions = client.get("/opensearch/suggestions?q=robo").json
    assert typed == "robo"
    texts = [one["text"] for one in get(client, "/v1/suggest?q=robo")["suggestions"]]
    assert completions == list(dict.fromkeys(texts))
