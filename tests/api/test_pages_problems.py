"""What goes wrong on pages is said to people; and what pages never do, whatever is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.pages.assets import ASSET_NAMES
from api.request.arguments import SearchArguments
from api.request.cursors import Position, make_cursor
from api.request.parameters import Arguments
from api.settings import Settings
from tests.api.conftest import MakeClient
from tests.api.helpers import check_problem
from tests.api.html import HtmlPage, get_page, text_of
from tests.support.factories import build_stories, make_story

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("/search?per_page=500", "per_page must be 1..100"),
        ("/search?colour=red", "colour is not a known parameter"),
        ("/search?topics=energy", "did you mean topic?"),
        ("/search?q=a&q=b", "q may be given only once"),
        ("/search?page=200&per_page=100", "page must be at most 10000 / per_page"),
        ("/topics/energy?page=x", "page must be 1..10000"),
        ("/publishers/harbor-ledger?sort=name", "sort is not a known parameter"),
        ("/search?from=yesterday", "from must be a day"),
        ("/search?q=" + "x" * 600, "q must be text of at most 512 characters"),
    ],
)
def test_a_mistaken_parameter_gives_a_page_that_says_so(client: FlaskClient, url: str, said: str) -> None:
    page = get_page(client, url, 400)
    assert said in text_of(page.one("main"))
    assert page.meta("robots") == "noindex"


@pytest.mark.parametrize(
    "url",
    [
        "/s/never",
        "/s/x-never",
        "/topics/never",
        "/topics/%20",
        "/publishers/never",
        "/static/never.css",
    ],
)
def test_what_is_not_there_is_a_page(client: FlaskClient, url: str) -> None:
    page = get_page(client, url, 404)
    assert text_of(page.one("h1")) == "Page not found"
    assert page.all("input", name="q")


def test_an_unknown_path_is_a_page_to_browsers_and_a_problem_to_others(client: FlaskClient) -> None:
    for accept in (
        {},
        {"Accept": "*/*"},
        {"Accept": "application/json"},
        {"Accept": "application/problem+json, text/html;q=0.5"},
    ):
        response = client.get("/nope", headers=accept)
        check_problem(response, 404, "not_found")
    response = client.get("/nope", headers=BROWSER)
    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert "Accept" in response.headers["Vary"].replace("Accept-Encoding", "")


@pytest.mark.parametrize("url", ["/v1/nope", "/v1/stories/never", "/v1/search?x=1", "/problems/never", "/oembed?url=x"])
def test_the_api_speaks_json_to_browsers_too(client: FlaskClient, url: str) -> None:
    assert client.get(url, headers=BROWSER).mimetype == "application/problem+json"


def test_a_removed_story_is_gone(make_client: MakeClient, tmp_path: Path) -> None:
    root = build_stories(tmp_path / "index", [make_story("a-1"), make_story("b-2")])
    build_stories(root, [make_story("b-2")])
    client = make_client(root)
    page = get_page(client, "/s/story-a-1-a-1", 410)
    assert "has been removed" in text_of(page.one("main"))
    check_problem(client.get("/v1/stories/a-1.jsonld"), 410, "gone")
    check_problem(client.get("/oembed?url=/s/story-a-1-a-1"), 410, "gone")


def test_a_cursor_of_an_older_index_is_said_and_leads_back(make_client: MakeClient, tmp_path: Path) -> None:
    # Beyond ten thousand results a page links to a cursor; a smaller index has none, so one is made here.
    root = build_stories(tmp_path / "index", [make_story(str(n)) for n in range(5)])
    client = make_client(root)
    with (
        client.application.test_request_context("/search"),
        client.application.extensions["outpost.index"].borrow() as lent,
    ):
        cursor = make_cursor(lent, Arguments(SearchArguments().load({})), Position(2))
    assert len(get_page(client, f"/search?cursor={cursor}").all("article")) == 3
    build_stories(root, [make_story("1")])
    page = get_page(client, f"/search?cursor={cursor}", 410)
    assert page.all("a", href="/search")


def test_without_an_index_pages_say_so(nowhere: FlaskClient) -> None:
    for url in ("/", "/search", "/topics/x", "/publishers/x", "/s/x-1"):
        response = nowhere.get(url)
        assert (response.status_code, response.mimetype) == (503, "text/html")
        assert response.headers["Retry-After"] == "2"
        assert response.headers["Cache-Control"] == "no-store"
        assert "no stories to show right now" in text_of(HtmlPage(response.text).one("main"))


def test_a_method_that_is_not_allowed_says_which_are(client: FlaskClient) -> None:
    response = client.post("/search", headers=BROWSER)
    assert (response.status_code, response.mimetype) == (405, "text/html")
    assert "GET" in response.headers["Allow"]


def test_a_client_that_asks_too_often_is_told_when_to_come_back(sample_index: Path) -> None:
    app = create_app(Settings(index=sample_index, rate_limit="1/minute"))
    client = app.test_client()
    assert client.get("/").status_code == 200
    response = client.get("/")
    assert (response.status_code, response.mimetype) == (429, "text/html")
    assert int(response.headers["Retry-After"]) > 0
    app.extensions["outpost.index"].close()


# --- whatever is asked -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "q",
    [
        '"><script>alert(1)</script>', "<img src=x onerror=alert(1)>", "'\"&<>", "javascript:alert(1)", "{{ 7 * 7 }}",
        "\u202e<b>", "</title></script><h1>", "{% include 'x' %}", "\ufffe\uffff", "a" * 512, "((((" * 100, "-" * 400,
        "\x00\x01",
    ],
)  # fmt: skip
def test_what_is_typed_is_shown_as_text(hostile: FlaskClient, q: str) -> None:
    response = hostile.get("/search", query_string={"q": q, "topic": q, "from": "2020-01-01"})
    page = HtmlPage(response.text)
    assert text_of(page.one("h1")) == " ".join(q.split()) or not q.isprintable()
    assert page.one("input", id="q_").get("value", "").replace("\r", "") == q or not q.isprintable()
    assert len(page.all("script")) == 1
    assert page.all("img") == page.all("h1")[1:] == []
    assert "49" not in text_of(page.one("h1"))


@pytest.mark.parametrize("name", ["x", "topics", "publishers", "s"])
def test_a_name_in_a_path_is_text(hostile: FlaskClient, name: str) -> None:
    for part in ("%3Cscript%3Ealert(1)%3C%2Fscript%3E", "%0d%0aSet-Cookie:x", "%2e%2e%2f", "%00", "%ff"):
        response = hostile.get(f"/{name}/{part}", headers=BROWSER)
        assert response.status_code in (301, 404)
        assert "<script>" not in response.text
        assert "Set-Cookie" not in response.headers
        assert response.headers.get("Location", "/topics/").startswith("/topics/")


def test_redirects_lead_to_this_site_alone(client: FlaskClient) -> None:
    lies = {"Host": "evil.example.com", "X-Forwarded-Host": "evil.example.com"}
    for url in (
        "/search?q=&x=//evil", "/topics/%2F%2Fevil.example.com?page=", "//evil.example.com/search?q=", "/topics/Energy",
        "/publishers/x?page=", "/search?from=", "/topics/https:evil.example.com",
    ):  # fmt: skip
        response = client.get(url, headers=lies)
        location = response.headers.get("Location", "/")
        assert location.startswith("/")
        assert not location.startswith("//")
        assert "evil.example.com/" not in location


# --- files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"), [("outpost.css", "text/css"), ("outpost.js", "text/javascript"), ("outpost.svg", "image/svg+xml")]
)
def test_a_file_is_kept_for_a_year_at_an_address_of_its_content(client: FlaskClient, name: str, kind: str) -> None:
    response = client.get(f"/static/{ASSET_NAMES[name]}")
    assert (response.status_code, response.mimetype) == (200, kind)
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert client.get(f"/static/{name}").status_code == 404
    assert f"/static/{ASSET_NAMES[name]}" in client.get("/").text


def test_unknown_paths_are_counted_as_none_and_pages_by_their_rule(make_client: MakeClient, sample_index: Path) -> None:
    client = make_client(sample_index)
    for url in ("/", "/search?q=a", "/topics/energy", "/nope", "/another"):
        client.get(url, headers=BROWSER)
    told = client.get("/metrics").text
    assert 'outpost_requests_total{rule="none",status="404"} 2' in told
    for rule in ("/", "/search", "/topics/<topic_id>"):
        assert f'outpost_requests_total{{rule="{rule}",status="200"}} 1' in told
    assert "nope" not in told
