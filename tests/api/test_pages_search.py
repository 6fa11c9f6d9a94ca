"""/search as a page: what it finds, what narrows it, and where its links lead."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import MakeClient
from tests.api.helpers import get
from tests.api.html import HtmlPage, get_page, text_of
from tests.support.factories import build_stories, make_story


def titles(page: HtmlPage) -> list[str]:
    return [text_of(heading) for card in page.all("article", class_="card") for heading in card if heading.tag == "h2"]


def found_at(client: FlaskClient, url: str) -> int:
    """How many stories the page at ``url`` says that it found."""
    status = text_of(get_page(client, url).one("header", class_="heading").findall("p")[1])
    return int(status.split()[0].replace(",", ""))


@pytest.mark.parametrize(
    "query",
    [
        "", "q=ferry", "q=%22night+ferry%22+-robot", "q=ferry&topic=transport", "q=ferry&sort=oldest&per_page=3&page=2",
        "topic=-energy&min_sources=4", "q=tide&match=any&search_in=title", "from=2025-02-01&to=2025-03-31",
        "publisher=Harbor+Ledger,saltmarsh-post", "q=robot&recency=1", "year=2025&facets=month",
    ],
)  # fmt: skip
def test_the_page_has_what_the_api_finds_in_its_order(client: FlaskClient, query: str) -> None:
    answer = get(client, f"/v1/search?{query}")
    page = get_page(client, f"/search?{query}")
    assert answer["total"]
    assert titles(page) == [hit["title"] for hit in answer["results"]]
    assert found_at(client, f"/search?{query}") == answer["total"]


def test_matches_are_marked_as_the_api_marks_them(client: FlaskClient) -> None:
    hits = get(client, "/v1/search?q=night+ferry&snippet_words=12")["results"]
    page = get_page(client, "/search?q=night+ferry&snippet_words=12")
    for card, hit in zip(page.all("article", class_="card"), hits, strict=True):
        marked = re.findall("<mark>(.*?)</mark>", hit["highlight"]["title"] + hit["snippet"]["text"])
        assert [text_of(mark) for mark in page.all("mark", card)] == marked
    assert not get_page(client, "/search?q=night+ferry&highlight=false").all("mark")
    assert get_page(client, "/search?q=night+ferry&highlight_tag=em").all("em")


def test_each_facet_value_leads_to_as_many_stories_as_it_says(client: FlaskClient) -> None:
    page = get_page(client, "/search?q=ferry&facet_size=4")
    links = [link for values in page.all("ul", class_="values") for link in page.all("a", values)]
    assert len(links) > 8
    for link in links:
        assert found_at(client, link.get("href", "")) == int(text_of(link).rpartition(" ")[2])


def test_a_selected_value_can_be_removed_from_both_places(client: FlaskClient) -> None:
    page = get_page(client, "/search?q=ferry&topic=transport,culture,-chips&sort=oldest")
    chips = {text_of(chip): chip.get("href", "") for chip in page.all("a", page.one("ul", class_="chips"))}
    assert chips.keys() == {"Remove: Transport ×", "Remove: Culture ×", "Remove: not Chips ×", "Clear all"}
    assert parse_qs(urlsplit(chips["Remove: Transport ×"]).query) == {
        "q": ["ferry"], "topic": ["culture,-chips"], "sort": ["oldest"],
    }  # fmt: skip
    assert parse_qs(urlsplit(chips["Remove: not Chips ×"]).query)["topic"] == ["culture,transport"]
    assert parse_qs(urlsplit(chips["Clear all"]).query) == {"q": ["ferry"]}
    assert [
        link.get("href") for link in page.all("a") if link.get("aria-current") and "Transport" in text_of(link)
    ] == [chips["Remove: Transport ×"]]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("from=2025-02-01", "From 2025-02-01"),
        ("to=now-7d", "To now-7d"),
        ("min_sources=3", "At least 3 sources"),
        ("max_sources=5", "At most 5 sources"),
        ("search_in=title", "In title"),
        ("publisher=never-heard-of", "never-heard-of"),
        ("topic=Open+Source", "Open Source"),
    ],
)
def test_every_filter_is_said_and_can_be_removed(client: FlaskClient, query: str, said: str) -> None:
    (chip,) = get_page(client, f"/search?q=ferry&{query}").all(
        "a", get_page(client, f"/search?q=ferry&{query}").one("ul", class_="chips")
    )
    assert text_of(chip) == f"Remove: {said} ×"
    assert chip.get("href") == "/search?q=ferry"


def test_orders_are_links_and_the_current_one_is_said(client: FlaskClient) -> None:
    page = get_page(client, "/search?q=ferry&sort=oldest")
    orders = {text_of(link): link for link in page.all("a", page.one("nav", class_="sorts"))}
    assert {title for title, link in orders.items() if link.get("aria-current")} == {"Oldest"}
    assert orders["Relevance"].get("href") == "/search?q=ferry"
    assert orders["Most sources"].get("href") == "/search?q=ferry&sort=sources"
    assert "Relevance" not in text_of(get_page(client, "/search").one("nav", class_="sorts"))


def test_pages_lead_from_one_to_the_next_and_hold_every_story_once(client: FlaskClient) -> None:
    url, seen = "/search?per_page=20&sort=oldest", []
    while url:
        page = get_page(client, url)
        seen += titles(page)
        url = next((link.get("href", "") for link in page.all("a", rel="next")), "")
    assert len(seen) == 72
    assert page.one("a", rel="prev").get("href") == "/search?per_page=20&sort=oldest&page=3"


def test_a_cursor_of_the_api_or_none_is_refused(client: FlaskClient) -> None:
    cursor = get(client, "/v1/search?per_page=2")["next_cursor"]
    get_page(client, f"/search?per_page=2&cursor={cursor}", 400)
    get_page(client, "/search?cursor=tampered", 400)


def test_a_page_beyond_the_end_leads_back(client: FlaskClient) -> None:
    page = get_page(client, "/search?q=ferry&page=40")
    assert "no stories on this page" in text_of(page.root)
    assert page.one("a", rel="prev").get("href") == "/search?q=ferry"


# --- notices -----------------------------------------------------------------------------------------------


def test_a_corrected_query_is_said_and_can_be_insisted_on(client: FlaskClient) -> None:
    page = get_page(client, "/search?q=nihgt+ferrry")
    heading = page.one("header", class_="heading")
    assert "7 stories for night ferry" in text_of(heading)
    assert text_of(page.one("h1")) == "nihgt ferrry"
    assert page.one("a", heading).get("href") == "/search?q=nihgt+ferrry&typo=off"
    assert found_at(client, "/search?q=nihgt+ferrry&typo=off") == 0


def test_a_relaxed_query_is_said(client: FlaskClient) -> None:
    answer = get(client, "/v1/search?q=ferry+wafers+porpoises+zoology")
    assert answer["query"]["relaxed"] == "any"
    assert "some of them" in text_of(get_page(client, "/search?q=ferry+wafers+porpoises+zoology").root)


def test_what_would_be_found_without_filters_is_said(client: FlaskClient) -> None:
    answer = get(client, "/v1/search?q=ferrry&topic=chips&to=2024-01-01")
    assert answer["query"]["did_you_mean"] == "ferry"
    page = get_page(client, "/search?q=ferrry&topic=chips&to=2024-01-01")
    assert "/search?q=ferry" in {link.get("href") for link in page.all("a")}


# --- over time ---------------------------------------------------------------------------------------------


def bars_of(page: HtmlPage) -> list[tuple[str, int, str]]:
    """(label, count, address) of each bar that has stories."""
    links = page.all("a", page.one("section", class_="timeline"))
    said = [(*text_of(next(link.iter("span"))).rsplit(": ", 1), link.get("href", "")) for link in links]
    return [(label, int(count.split()[0].replace(",", "")), url) for label, count, url in said]


@pytest.mark.parametrize("query", ["", "q=ferry", "q=nihgt+ferrry", "topic=energy&from=2025-01-01&to=2025-02-10"])
def test_bars_add_up_and_each_leads_to_its_stories(client: FlaskClient, query: str) -> None:
    bars = bars_of(get_page(client, f"/search?{query}"))
    answer = get(client, f"/v1/search?{query}")
    undated = get(client, "/v1/stats/timeline?interval=year")["missing"] if not query else 0
    assert len(bars) > 1
    assert sum(count for _, count, _ in bars) == answer["total"] - undated
    for _, count, url in bars:
        assert found_at(client, url) == count


@pytest.mark.parametrize(
    ("times", "labels"),
    [
        (["2025-01-31", "2025-02-01"], ["31 Jan 2025", "1 Feb 2025"]),
        (["2024-12-31", "2025-03-01"], ["Dec 2024", "Mar 2025"]),
        (["2020-05-01", "2025-03-01"], ["May – Jun 2020", "Jan – Mar 2025"]),
        (["2002-07-01", "2025-03-01"], ["2002", "2025"]),
        (["1920-07-01", "2025-03-01"], ["1920 – 1924", "2025"]),
        (["1600-07-01", "2199-03-01"], ["1600 – 1649", "2150 – 2199"]),
    ],
)
def test_spans_are_as_long_as_the_stories_lie_apart(
    make_client: MakeClient, tmp_path: Path, times: list[str], labels: list[str]
) -> None:
    stories = [make_story(str(n), published_at=f"{time}T12:00:00Z") for n, time in enumerate(times)]
    client = make_client(build_stories(tmp_path / "index", stories))
    page = get_page(client, "/search")
    bars = bars_of(page)
    assert [label for label, _, _ in bars] == labels
    assert len(page.one("section", class_="timeline").findall("ol/li")) <= 60
    assert [found_at(client, url) for _, _, url in bars] == [1, 1]


# --- feeds and forms ---------------------------------------------------------------------------------------


def test_feeds_have_what_decides_which_stories_are_found_and_nothing_else(client: FlaskClient) -> None:
    query = "q=ferry&topic=transport&from=2025-01-01&sort=newest&page=1&per_page=5&facets=topic&highlight=false"
    page = get_page(client, f"/search?{query}")
    wanted = "q=ferry&sort=newest&topic=transport&from=2025-01-01"
    for kind in ("json", "rss", "atom"):
        url = f"/v1/feeds/search.{kind}?{wanted}"
        assert url in {link.get("href") for link in page.all("link")}
        assert url in {link.get("href") for link in page.all("a")}


@pytest.mark.parametrize(
    ("sent", "right"),
    [
        ("q=ferry&from=&to=", "/search?q=ferry"),
        ("q=ferry&fbclid=abc&UTM_source=x&page=2", "/search?q=ferry&page=2"),
        ("q=+", "/search"),
        ("q=a%26b%0d%0aX:y&to=", "/search?q=a%26b%0D%0AX%3Ay"),
    ],
)
def test_what_forms_and_other_sites_add_is_taken_out_of_the_address(client: FlaskClient, sent: str, right: str) -> None:
    response = client.get(f"/search?{sent}")
    assert (response.status_code, response.headers["Location"]) == (302, right)


def test_an_address_of_more_fields_than_are_read_leads_nowhere_else(client: FlaskClient) -> None:
    response = client.get("/search?" + "utm_source=x&" * 3000 + "q=ferry")
    assert (response.status_code, response.mimetype) == (400, "text/html")
    assert client.get("/search?" + "utm_source=x&" * 100 + "q=ferry").headers["Location"] == "/search?q=ferry"


def test_an_address_too_long_for_a_header_is_told_and_not_followed(client: FlaskClient) -> None:
    page = get_page(client, "/search?to=&language=" + "en," * 1500, 400)
    assert "to must be a day" in text_of(page.one("main"))


def test_the_date_form_keeps_the_rest_of_the_search(client: FlaskClient) -> None:
    page = get_page(client, "/search?q=ferry&topic=transport&from=2025-01-01&page=1")
    form = page.one("form", class_="dates")
    sent = {one.get("name"): one.get("value") for one in page.all("input", form)}
    assert sent == {"q": "ferry", "topic": "transport", "from": "2025-01-01", "to": ""}


def test_search_results_are_not_for_search_engines(client: FlaskClient) -> None:
    assert get_page(client, "/search?q=ferry").meta("robots") == "noindex, follow"


def test_searches_that_find_nothing_are_counted(client: FlaskClient) -> None:
    def count() -> int:
        return int(re.findall(r"^outpost_empty_searches_total (\d+)", client.get("/metrics").text, re.MULTILINE)[0])

    before = count()
    get_page(client, "/search?q=xylophonist&typo=off")
    assert count() == before + 1
