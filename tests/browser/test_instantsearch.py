"""Real widgets of InstantSearch, operated in a real browser: what they show is what the API answers."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, Request, TimeoutError

from tests.api.conftest import HOSTILE
from tests.e2e.conftest import ROOT, Server, free_port, serve_command
from tests.support.factories import SAMPLE, build_stories

EXAMPLE = ROOT / "examples" / "instantsearch"
_SHOWN = "[...document.querySelectorAll('#hits article')].map(hit => hit.dataset.id)"
_PAGE_SIZE = 5
Search = Callable[..., dict[str, Any]]
# The client of ten lines, and Algolia's own.
with_both_clients = pytest.mark.parametrize("page", ["index.html", "lite.html"], indirect=True)

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (EXAMPLE / "node_modules").is_dir(),
    reason="no Node.js, or `npm ci` has not run in examples/instantsearch",
)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a log of a page's files says nothing here."""


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The pages of the example, bundled and served."""
    root = tmp_path_factory.mktemp("instantsearch")
    for file in [*EXAMPLE.glob("*.html"), *EXAMPLE.glob("*.css")]:
        shutil.copy(file, root)
    build = ["npm", "run", "--silent", "build", "--", f"--outdir={root / 'dist'}"]
    subprocess.run(build, cwd=EXAMPLE, check=True, capture_output=True, text=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(root))) as files:
        thread = threading.Thread(target=files.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{files.server_port}"
        files.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def outpost(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The sample and a story full of tags."""
    root = tmp_path_factory.mktemp("outpost")
    index, port = build_stories(root / "index", HOSTILE[:1], SAMPLE), free_port()
    server = Server(serve_command(index, port), port, root / "log").start()
    yield server
    server.stop()


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Browser, example: str, outpost: Server) -> Iterator[Page]:
    """With the client of ten lines, or what the test names."""
    page = browser.new_page()
    page.set_default_timeout(10_000)
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("dialog", lambda dialog: (failures.append(dialog.message), dialog.dismiss()))
    page.goto(f"{example}/{getattr(request, 'param', 'index.html')}?outpost={outpost.url}")
    page.wait_for_selector("#hits article")
    yield page
    assert page.text_content("#error") == ""
    page.close()
    assert failures == []


@pytest.fixture
def search(outpost: Server) -> Search:
    """What the API says."""

    def ask(**parameters: object) -> dict[str, Any]:
        named = {name.rstrip("_"): value for name, value in parameters.items()}
        answer = requests.get(f"{outpost.url}/v1/search", {"per_page": _PAGE_SIZE, **named}, timeout=10)
        assert answer.ok, answer.text
        body: dict[str, Any] = answer.json()
        return body

    return ask


def check_hits(page: Page, answer: dict[str, Any]) -> None:
    """The page comes to show the stories of an answer, and how many there are."""
    expected = [story["id"] for story in answer["results"]]
    try:
        page.wait_for_function(f"ids => JSON.stringify({_SHOWN}) === JSON.stringify(ids)", arg=expected)
        page.wait_for_function(
            "total => parseInt(document.querySelector('#stats').innerText) === total", arg=answer["total"]
        )
    except TimeoutError:
        assert (page.evaluate(_SHOWN), page.inner_text("#stats")) == (expected, str(answer["total"]))


def check_values(page: Page, where: str, answer: dict[str, Any], facet: str) -> None:
    """A list shows the values of a facet with the counts of an answer."""
    widget = where.removeprefix("#")
    kind = {"curators": "Menu", "dates": "HierarchicalMenu"}.get(widget, "RefinementList")
    labels = page.locator(f"{where} .ais-{kind}-label{'Text' if kind == 'RefinementList' else ''}").all_inner_texts()
    counts = page.locator(f"{where} .ais-{kind}-count").all_inner_texts()
    shown = dict(zip(labels, map(int, counts), strict=True))
    known = {value["label"]: value["count"] for value in answer["facets"][facet]["values"]}
    assert shown.items() <= known.items()
    assert shown


def read_months(page: Page) -> dict[str, int]:
    """The months below the year that is chosen, with their counts."""
    labels = page.locator("#dates ul ul .ais-HierarchicalMenu-label").all_inner_texts()
    counts = page.locator("#dates ul ul .ais-HierarchicalMenu-count").all_inner_texts()
    return dict(zip(labels, map(int, counts), strict=True))


def marked(text: str) -> list[str]:
    return [re.sub("&.*?;", "", found) for found in re.findall("<mark>(.*?)</mark>", text)]


@with_both_clients
def test_the_search_box_finds_and_marks_what_the_api_finds_and_marks(page: Page, search: Search) -> None:
    page.fill("#search input", "night ferry ")
    answer = search(q="night ferry ")
    check_hits(page, answer)
    for story in answer["results"]:
        hit = page.locator(f'article[data-id="{story["id"]}"]')
        assert hit.locator("h2").inner_text() == story["title"]
        for place, text in (("h2", story["highlight"]["title"]), (".summary", story["highlight"]["summary"])):
            assert hit.locator(f"{place} mark").all_inner_texts() == marked(text)
        assert hit.locator(".snippet mark").all_inner_texts() == marked(story["snippet"]["text"])
    page.fill("#search input", "nigh")
    check_hits(page, search(q="nigh OR nigh*", typo="off"))
    page.click("#search button[type=reset]")
    check_hits(page, search())


def test_texts_with_tags_are_texts(page: Page, search: Search) -> None:
    page.fill("#search input", "jerry alert ")
    check_hits(page, search(q="jerry alert"))
    hit = page.locator("article").first
    assert hit.locator("h2").inner_text() == '<script>alert("1")</script> robot & co'
    assert hit.locator("script, b").count() == 0
    assert hit.locator("h2 mark").all_inner_texts() == ["alert"]
    assert hit.locator(".summary").inner_text().startswith("Tom & \"Jerry\" say <b>robot</b> 'now' &amp; <script>")


@with_both_clients
def test_a_refinement_list_counts_what_choosing_another_value_would_find(page: Page, search: Search) -> None:
    first, second = search(facets="topic", facet_size=2)["facets"]["topic"]["values"]
    page.check(f'#topics input[value="{first["label"]}"]')
    check_hits(page, search(topic=first["value"]))
    page.check(f'#topics input[value="{second["label"]}"]')
    both = f"{first['value']},{second['value']}"
    answer = search(topic=both, facets="topic,publisher", facet_size=100)
    check_hits(page, answer)
    check_values(page, "#topics", answer, "topic")
    check_values(page, "#publishers", answer, "publisher")
    page.click("#topics .ais-RefinementList-showMore")
    page.wait_for_function("document.querySelectorAll('#topics li').length > 6")
    check_values(page, "#topics", answer, "topic")
    page.uncheck(f'#topics input[value="{first["label"]}"]')
    check_hits(page, search(topic=second["value"]))


@with_both_clients
def test_the_search_box_of_a_refinement_list_finds_values(page: Page, search: Search) -> None:
    page.fill("#publishers input[type=search]", "har")
    page.wait_for_selector("#publishers mark")
    assert page.locator("#publishers mark").all_inner_texts() == ["Har"]
    check_values(page, "#publishers", search(facets="publisher", facet_size=100), "publisher")
    page.check('#publishers input[value="Harbor Ledger"]')
    check_hits(page, search(publisher="harbor-ledger"))


def test_menus_lead_to_a_curator_and_from_a_year_to_its_months(page: Page, search: Search) -> None:
    curators = search(facets="curator")["facets"]["curator"]["values"]
    page.click(f'#curators a:has-text("{curators[0]["label"]}")')
    check_hits(page, search(curator=curators[0]["value"]))
    check_values(page, "#curators", search(facets="curator"), "curator")
    page.click("#dates a:has-text('2025')")
    chosen = {"curator": curators[0]["value"], "year": "2025"}
    answer = search(**chosen, facets="month", facet_size=100)
    check_hits(page, answer)
    page.wait_for_selector("#dates ul ul a")
    months = {value["label"].removeprefix("2025-"): value["count"] for value in answer["facets"]["month"]["values"]}
    assert read_months(page) == months
    page.click("#dates ul ul a >> nth=1")
    month = "2025-" + list(read_months(page))[1]
    answer = search(**chosen, month=month, facets="month", facet_size=100)
    check_hits(page, answer)
    assert read_months(page) == months


def test_a_range_has_the_bounds_of_the_stories_and_narrows_them(page: Page, search: Search) -> None:
    counts = sorted(story["source_count"] for story in search(per_page=100)["results"])
    low, high = page.locator("#sources .ais-RangeInput-input").all()
    bounds = [int(str(one.get_attribute("placeholder"))) for one in (low, high)]
    assert bounds == [counts[0], counts[-1]]
    low.fill("4")
    page.click("#sources button")
    check_hits(page, search(min_sources=4))
    high.fill("4")
    page.click("#sources button")
    check_hits(page, search(min_sources=4, max_sources=4))


def test_refinements_are_shown_and_taken_back(page: Page, search: Search) -> None:
    page.check('#topics input[value="Energy"]')
    check_hits(page, search(topic="energy"))
    page.click("#dates a:has-text('2025')")
    check_hits(page, search(topic="energy", year="2025"))
    assert sorted(page.locator(".ais-CurrentRefinements-categoryLabel").all_inner_texts()) == ["2025", "Energy"]
    page.click(".ais-CurrentRefinements-item:has-text('Energy') button")
    check_hits(page, search(year="2025"))
    page.click("#clear button")
    check_hits(page, search())
    assert page.locator(".ais-CurrentRefinements-item").count() == 0


def test_pages_sizes_and_orders_are_those_of_the_api(page: Page, search: Search) -> None:
    page.fill("#search input", "ferry ")
    check_hits(page, search(q="ferry"))
    page.click(".ais-Pagination-link:text-is('2')")
    check_hits(page, search(q="ferry", page=2))
    page.click(".ais-Pagination-item--lastPage a")
    check_hits(page, search(q="ferry", page=search(q="ferry")["pages"]))
    page.select_option("#sort select", "stories_oldest")
    check_hits(page, search(q="ferry", sort="oldest"))
    page.select_option("#size select", "20")
    check_hits(page, search(q="ferry", sort="oldest", per_page=20))


def test_a_fault_shows_its_sentence(browser: Browser, example: str, outpost: Server) -> None:
    for name in ("index.html", "lite.html"):
        page = browser.new_page()
        page.goto(f"{example}/{name}?outpost={outpost.url}")
        page.set_default_timeout(10_000)
        page.wait_for_selector("#hits article")
        page.route("**/*quer*", lambda route: route.continue_(post_data=_ask_too_much(route.request)))
        page.route("**/v1/*", lambda route: route.continue_(post_data=_ask_too_much(route.request)))
        page.fill("#search input", "ferry")
        page.wait_for_function("document.querySelector('#error').textContent.includes('hitsPerPage must be')")
        page.close()


def _ask_too_much(request: Request) -> str:
    """What the page sends, with more hits than there may be."""
    return re.sub('"hitsPerPage":[0-9]+', '"hitsPerPage":1000', request.post_data or "")
