"""Headers: conditional requests, HEAD and OPTIONS, CORS, request ids, links, and what keeps answers harmless."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from api.pages.assets import ASSET_NAMES
from tests.api.conftest import MakeClient
from tests.api.helpers import check_problem, get
from tests.support.factories import build_stories, make_story

FIRST_PAGE = "/s/ferry-robot-takes-its-first-morning-shift-on-the-skerrow-crossing-31001"
STYLE = f"/static/{ASSET_NAMES['outpost.css']}"
TAGGED = [
    "/v1/search?q=robot&facets=topic",
    "/v1/stories?per_page=3",
    "/v1/stories/31001?include=related",
    "/v1/stories/31001/related",
    "/v1/stories/31001/sources",
    "/v1/sources?q=robot",
    "/v1/suggest?q=f",
    "/opensearch/suggestions?q=f",
    "/v1/publishers",
    "/v1/publishers/harbor-ledger",
    "/v1/facets/topic?q=tr",
    "/v1/stats/timeline?interval=month",
    "/v1/lookup?url=https://example.com/a",
    "/v1/stories/31001.jsonld",
    "/oembed?url=/s/x-31001",
]
PAGES = ["/", "/search?q=robot", "/topics/energy", "/publishers/harbor-ledger", FIRST_PAGE]
FEEDS = ["/v1/feeds/search.json?q=robot", "/v1/feeds/search.rss?q=robot", "/v1/feeds/search.atom?q=robot"]
STREAMED = ["/v1/export/stories.ndjson?q=robot"]
FRESH = ["/healthz", "/readyz", "/status", "/metrics"]
ASSETS = ["/docs", "/docs/", "/docs/swagger-ui.css", "/docs/favicon-32x32.png"]
SITE = ["/sitemap.xml", "/sitemaps/2025-01-1.xml", "/sitemaps/news.xml", "/robots.txt", "/opensearch.xml"]
STREAMED += SITE[1:3]
EVERYTHING = [
    *TAGGED, *PAGES, *SITE, *FEEDS, *FRESH, *ASSETS, *STREAMED, "/problems/gone", "/openapi.json", STYLE
]  # fmt: skip
WRONG = ["/nope", "/v1/stories/never", "/v1/search?x=1", "/s/never", "/docs/never.css"]
# What differs between two answers to the same request.
_VARYING = {"Date", "X-Request-ID"}


# --- conditional requests ----------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [*TAGGED, *PAGES, *FEEDS])
def test_the_tag_is_weak_and_stable_and_gives_304_without_body(client: FlaskClient, url: str) -> None:
    first = client.get(url)
    tag = first.headers["ETag"]
    assert re.fullmatch(r'W/"[0-9a-f]{24}"', tag)
    assert client.get(url).headers["ETag"] == tag
    bare = tag.removeprefix("W/")
    for sent in (tag, bare, f'"other", {tag}', f'W/"a",{bare} , "b"', "*"):
        response = client.get(url, headers={"If-None-Match": sent})
        assert (response.status_code, response.data) == (304, b""), sent
        assert "Content-Type" not in response.headers
        for name in ("ETag", "Cache-Control", "Vary", "Access-Control-Allow-Origin"):
            assert response.headers[name] == first.headers[name]
        assert client.head(url, headers={"If-None-Match": sent}).status_code == 304


@pytest.mark.parametrize("sent", ['"other"', 'W/"other"', "", "garbage", '"', ",,,", "W/", '"\xe9"', "x" * 5000])
def test_another_tag_gives_the_whole_answer(client: FlaskClient, sent: str) -> None:
    response = client.get("/v1/search?q=robot", headers={"If-None-Match": sent})
    assert response.status_code == 200
    assert response.json["total"] == 8


@pytest.mark.parametrize("name", ["If-Match", "If-Unmodified-Since", "If-Modified-Since", "Range", "If-Range"])
def test_other_preconditions_and_ranges_change_nothing(client: FlaskClient, name: str) -> None:
    for value in ('"other"', "bytes=0-9", "Wed, 01 Jan 2020 00:00:00 GMT", "Wed, 01 Jan 2099 00:00:00 GMT"):
        response = client.get("/v1/search?q=robot", headers={name: value})
        assert response.status_code == 200
        assert response.json["total"] == 8


def test_every_argument_and_path_has_its_own_tag(client: FlaskClient) -> None:
    urls = ["/v1/search", "/v1/stories", "/v1/sources", "/v1/publishers", "/v1/stories/31001", "/v1/stories/31002"]
    urls += ["/v1/stories/31001/related", "/v1/stories/31001/sources", "/v1/search?q=a", "/v1/search?q=A"]
    urls += [f"/v1/search?{query}" for query in ("page=2", "per_page=2", "topic=ai", "topic=-ai", "publisher=ai")]
    urls += [f"/v1/search?{query}" for query in ("fields=title", "highlight=false", "highlight_tag=em", "facets=topic")]
    tags = [client.get(url).headers["ETag"] for url in urls]
    assert len(set(tags)) == len(urls)


def test_the_same_request_in_another_spelling_has_the_same_tag(client: FlaskClient) -> None:
    alike = ["q=robot&page=1", "page=1&q=robot", "q=robot", "q=%72obot", "q=robot&per_page=020"]
    tags = {client.get(f"/v1/search?{query}").headers["ETag"] for query in alike}
    assert len(tags) == 1


def test_a_new_generation_has_new_tags(make_client: MakeClient, tmp_path: Path) -> None:
    root = build_stories(tmp_path / "index", [make_story()])
    client = make_client(root)
    for url in ("/v1/search", "/v1/stories/1"):
        before = client.get(url).headers["ETag"]
        assert client.get(url, headers={"If-None-Match": before}).status_code == 304
        build_stories(root, [make_story()])
        after = client.get(url, headers={"If-None-Match": before})
        assert after.status_code == 200
        assert after.headers["ETag"] != before


def test_another_public_url_has_other_tags(make_client: MakeClient, sample_index: Path) -> None:
    clients = [make_client(sample_index, base) for base in ("", "https://a.example.com", "https://b.example.com")]
    assert len({client.get("/v1/stories").headers["ETag"] for client in clients}) == 3


@pytest.mark.parametrize(
    "url", ["/v1/stories/never", "/v1/stories/never/related", "/v1/sources/never", "/v1/publishers/never"]
)
def test_a_star_does_not_make_the_missing_exist(client: FlaskClient, url: str) -> None:
    check_problem(client.get(url, headers={"If-None-Match": "*"}), 404, "not_found")


def test_a_fault_stays_a_fault_whatever_tag_is_sent(client: FlaskClient) -> None:
    check_problem(client.get("/v1/search?x=1", headers={"If-None-Match": "*"}), 400, "unknown_parameter")


# --- HEAD and OPTIONS --------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [*EVERYTHING, *WRONG])
def test_head_has_the_headers_of_get_and_no_body(client: FlaskClient, url: str) -> None:
    get_response, head_response = client.get(url, buffered=True), client.head(url, buffered=True)
    assert head_response.status_code == get_response.status_code
    assert head_response.data == b""
    # The search says how many milliseconds it took, with more or fewer digits; the metrics count the first of the two.
    passed_over = _VARYING | ({"Content-Length"} if url.startswith(("/v1/search", "/metrics")) else set())
    headers = [
        {name: value for name, value in response.headers if name not in passed_over}
        for response in (get_response, head_response)
    ]
    assert headers[0] == headers[1]
    # How long a stream is shows at its end.
    assert ("Content-Length" in head_response.headers) == (url not in STREAMED)


@pytest.mark.parametrize("url", EVERYTHING)
def test_options_tells_what_is_allowed(client: FlaskClient, url: str) -> None:
    response = client.options(url)
    assert (response.status_code, response.data) == (200, b"")
    assert response.allow == {"GET", "HEAD", "OPTIONS"}


def test_every_route_is_asked_here(client: FlaskClient) -> None:
    """A route that nobody put into EVERYTHING fails here."""
    adapter = client.application.url_map.bind("localhost")
    asked = {adapter.match(url.partition("?")[0])[0] for url in [*EVERYTHING, "/v1/sources/x"]}
    assert asked == {rule.endpoint for rule in client.application.url_map.iter_rules() if "GET" in rule.methods}


# --- CORS --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [*EVERYTHING, *WRONG])
def test_every_answer_and_error_may_be_read_from_anywhere(client: FlaskClient, url: str) -> None:
    for method in ("GET", "HEAD", "POST"):
        headers = client.open(
            url, method=method, headers={"Origin": "https://widget.example.com"}, buffered=True
        ).headers
        assert headers.getlist("Access-Control-Allow-Origin") == ["*"]
        exposed = set(headers["Access-Control-Expose-Headers"].split(", "))
        assert exposed >= {"ETag", "Link", "X-Request-ID", "Retry-After", "Allow"}
        assert "Access-Control-Allow-Credentials" not in headers


def test_a_503_may_be_read_from_anywhere(nowhere: FlaskClient) -> None:
    assert nowhere.get("/v1/search").headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("url", TAGGED)
def test_a_preflight_allows_what_a_conditional_request_needs(client: FlaskClient, url: str) -> None:
    asked = {"Origin": "https://widget.example.com", "Access-Control-Request-Method": "GET"}
    headers = client.options(url, headers={**asked, "Access-Control-Request-Headers": "if-none-match"}).headers
    assert set(headers["Access-Control-Allow-Methods"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    assert {"If-None-Match", "X-Request-ID"} <= set(headers["Access-Control-Allow-Headers"].split(", "))
    assert int(headers["Access-Control-Max-Age"]) > 0


# --- X-Request-ID ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ident", ["a", "A-z_0.9", "x" * 128])
@pytest.mark.parametrize("url", ["/healthz", "/nope", "/v1/search?x=1"])
def test_a_request_id_is_echoed(client: FlaskClient, url: str, ident: str) -> None:
    response = client.get(url, headers={"X-Request-ID": ident})
    assert response.headers.getlist("X-Request-ID") == [ident]
    if response.status_code != 200:
        assert response.json["request_id"] == ident


@pytest.mark.parametrize(
    "ident", ["", "x" * 129, "a b", "a\tb", "ä", "<script>", "a;b", "a,b", '"a"', "a=b", "%0d%0aSet-Cookie:x", "a\x7f"]
)
def test_another_request_id_is_replaced(client: FlaskClient, ident: str) -> None:
    made = client.get("/nope", headers={"X-Request-ID": ident}).headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", made)


def test_each_request_without_an_id_gets_its_own(client: FlaskClient) -> None:
    assert len({client.get("/healthz").headers["X-Request-ID"] for _ in range(20)}) == 20


# --- Link --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/search", "/v1/stories", "/v1/sources", "/v1/publishers"])
@pytest.mark.parametrize("base", ["", "https://news.example.com"])
def test_the_link_header_says_what_the_body_says(
    make_client: MakeClient, sample_index: Path, path: str, base: str
) -> None:
    client = make_client(sample_index, base)
    last = get(client, f"{path}?per_page=5")["pages"]
    assert last > 2
    for page in (1, 2, last, last + 5):
        response = client.get(f"{path}?per_page=5&page={page}")
        links = response.json["links"]
        said = dict(re.findall(r'<([^>]*)>; rel="(\w+)"', response.headers.get("Link", "")))
        expected = {rel: links[rel] for rel in ("next", "prev") if links[rel]}
        expected |= {"alternate": links["feed"]} if "feed" in links else {}
        assert {rel: url for url, rel in said.items()} == expected
        assert (links["next"] is None, links["prev"] is None) == (page >= last, page == 1)
        assert all(
            links[rel].startswith(f"{base}{path}?") for rel in ("self", "first", *expected.keys() - {"alternate"})
        )
        if page > last:
            assert links["prev"].endswith(f"page={last}")


def test_links_keep_every_argument(client: FlaskClient) -> None:
    query = "q=%22a+b%22+%C3%A9%26%23%3C&topic=a%2Cb&page=2&per_page=1"
    answer = get(client, f"/v1/search?{query}")
    again = get(client, answer["links"]["self"])
    assert again["query"]["q"] == answer["query"]["q"] == '"a b" é&#<'
    assert again["page"] == 2


# --- what keeps answers harmless ---------------------------------------------------------------------------


@pytest.mark.parametrize("url", [*EVERYTHING, *WRONG])
def test_every_answer_has_the_headers_that_protect(client: FlaskClient, url: str) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "POST"):
        headers = client.open(url, method=method, buffered=True).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Accept-Encoding" in headers["Vary"]
        assert headers["Cache-Control"]
        assert "Set-Cookie" not in headers
        assert "default-src 'none'" in headers["Content-Security-Policy"] or url.startswith("/docs")


@pytest.mark.parametrize("url", [*TAGGED, *PAGES])
def test_answers_may_be_kept_for_seconds_and_shown_while_they_are_asked_for_again(
    client: FlaskClient, url: str
) -> None:
    assert client.get(url).headers["Cache-Control"] == "public, max-age=10, stale-while-revalidate=60"


@pytest.mark.parametrize("url", FRESH)
def test_what_is_about_now_is_not_kept(client: FlaskClient, url: str) -> None:
    headers = client.get(url).headers
    assert headers["Cache-Control"] == "no-store"
    assert "ETag" not in headers


@pytest.mark.parametrize(
    "text", ["a\r\nSet-Cookie: x=1", 'a>; rel="next", <https://evil.example.com', "\r\n\r\n<b>", "é\u2028"]
)
@pytest.mark.parametrize("base", ["/v1/search?per_page=1&q=", "/v1/sources?per_page=1&q=", "/v1/stories/", "/s/"])
def test_nothing_sent_becomes_a_header(hostile: FlaskClient, base: str, text: str) -> None:
    response = hostile.get(base + quote(f"-({text})", safe=""))
    assert "Set-Cookie" not in response.headers
    assert not any(re.search(r"[\r\n]|evil", f"{name}{value}") for name, value in response.headers if name != "Link")
    link = response.headers.get("Link", "")
    feed = r'</v1/feeds/search\.atom\?[^<>"\s]*>; rel="alternate"; type="application/atom\+xml"'
    assert re.fullmatch(rf'(</[^<>"\s]*>; rel="next")?(, )?({feed})?', link)
    if response.status_code == 200:
        assert link


def test_a_name_in_a_share_url_leads_nowhere_else(client: FlaskClient) -> None:
    for name in ("x-31001", "%2F%2Fevil.example.com-31001", "https:%2F%2Fevil-31001", "%0d%0aX: y-31001"):
        response = client.get(f"/s/{name}", headers={"Host": "evil.example.com"})
        assert response.status_code == 404 or response.headers["Location"] == FIRST_PAGE


# --- /docs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
def test_the_docs_need_no_other_host_and_every_asset_is_served(nowhere: FlaskClient, path: str) -> None:
    page = nowhere.get(path, headers={"Host": "evil.example.com"})
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    assert "evil" not in page.text
    assert not re.search(r"(https?:)?//[a-z]", re.sub(r"(?m)^\s*//.*$|// User config.*$", "", page.text))
    assets = re.findall(r'(?:href|src)="([^"]*)"', page.text)
    assert len(assets) >= 4
    for asset in assets:
        assert asset.startswith("/docs/")
        response = nowhere.get(asset, buffered=True)
        assert response.status_code == 200
        assert len(response.data) > 100


def test_the_docs_read_our_document_and_let_nobody_else_judge_it(nowhere: FlaskClient) -> None:
    page = nowhere.get("/docs").text
    assert '"url": "/openapi.json"' in page
    assert '"validatorUrl": null' in page
    policy = nowhere.get("/docs").headers["Content-Security-Policy"]
    assert "http" not in policy
    assert "*" not in policy


def test_a_docs_asset_is_kept_and_asked_for(nowhere: FlaskClient) -> None:
    tag = nowhere.get("/docs/swagger-ui.css", buffered=True).headers["ETag"]
    again = nowhere.get("/docs/swagger-ui.css", headers={"If-None-Match": tag}, buffered=True)
    assert (again.status_code, again.data) == (304, b"")


def test_a_link_too_long_for_a_header_stands_in_the_body_alone(client: FlaskClient) -> None:
    filters = {"topic": "energy," * 250, "language": "en," * 600, "per_page": "1"}
    answer = client.get("/v1/search", query_string=filters)
    assert answer.json["links"]["next"]
    assert "Link" not in answer.headers


def test_where_there_is_room_for_one_link_only_it_is_the_next_page(client: FlaskClient) -> None:
    # Links are those of whoever asked the same first, so no other test asks for these topics.
    topics = "energy,transport," * 90
    answer = client.get("/v1/search", query_string={"topic": topics, "language": "en," * 50, "per_page": "1"})
    assert re.fullmatch(r'<[^>]*>; rel="next"', answer.headers["Link"])


@pytest.mark.parametrize("times", [10, 100, 150, 200, 240, 280])
def test_all_headers_together_fit_into_what_a_proxy_keeps_for_them(client: FlaskClient, times: int) -> None:
    answer = client.get("/v1/search", query_string={"topic": "energy," * times, "per_page": "1", "page": "2"})
    assert sum(len(name) + len(value) + 4 for name, value in answer.headers) < 4000
