"""How pages stand in a browser: nothing is hard to use, nothing overflows, texts run their own way."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Route, expect

from tests.browser.conftest import OpenPage

STORY = "/s/ferry-robot-takes-its-first-morning-shift-on-the-skerrow-crossing-31001"
PAGES = {
    "newest": "/",
    "search": "/search?q=ferry&topic=transport&from=2025-01-01",
    "corrected": "/search?q=nihgt+ferrry",
    "nothing": "/search?q=xylophonist&typo=off&topic=energy",
    "topic": "/topics/energy",
    "publisher": "/publishers/harbor-ledger",
    "story": STORY,
    "arabic": "/s/x-ar-1",
    "missing": "/s/never",
    "mistaken": "/search?per_page=999&colour=red",
}
THEMES = ("light", "dark")
WIDTHS = (390, 1280)
# One script for all pages: it is half a megabyte.
_AXE = Axe()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_serious_and_nothing_overflows(open_page: OpenPage, width: int, theme: str) -> None:
    page = open_page("/", width, theme)
    origin = page.url.rstrip("/")
    for name, path in PAGES.items():
        page.goto(origin + path)
        if name == "story":
            page.get_by_text("Share", exact=True).click()
        found = _AXE.run(page, options={"resultTypes": ["violations"]}).response["violations"]
        serious = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
        assert serious == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_serious_where_suggestions_are_open(open_page: OpenPage, theme: str) -> None:
    page = open_page("/", theme=theme)
    page.get_by_role("combobox").press_sequentially("ferr")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    found = _AXE.run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("width", [320, 768, 1600])
def test_nothing_overflows_at_other_widths(open_page: OpenPage, width: int) -> None:
    page = open_page("/", width)
    origin = page.url.rstrip("/")
    for path in PAGES.values():
        page.goto(origin + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_dark_is_dark_and_light_is_light(open_page: OpenPage) -> None:
    sums = {}
    for theme in THEMES:
        colour = open_page("/", theme=theme).evaluate("getComputedStyle(document.body).backgroundColor")
        sums[theme] = sum(int(part) for part in colour.strip("rgb()").split(","))
    assert sums["dark"] < 150 < 700 < sums["light"]


def test_arabic_runs_from_right_to_left_beside_what_does_not(open_page: OpenPage) -> None:
    page = open_page(PAGES["arabic"])
    for text in ("مرفأ جديد للعبّارات <b>", "ملخص القصة", "عنوان"):
        found = page.get_by_text(text, exact=True).first
        assert found.evaluate("e => getComputedStyle(e).direction") == "rtl"
    assert page.get_by_text("1 source").first.evaluate("e => getComputedStyle(e).direction") == "ltr"
    # Its letters begin where its box ends.
    gap = page.get_by_role("heading", level=1).evaluate(
        """e => {
          const letters = document.createRange();
          letters.selectNodeContents(e);
          return e.getBoundingClientRect().right - letters.getBoundingClientRect().right;
        }"""
    )
    assert abs(gap) < 2


def test_a_page_is_painted_before_its_scripts_and_pictures_arrive(open_page: OpenPage) -> None:
    page = open_page(STORY)
    held: list[str] = []

    def hold(route: Route) -> None:
        held.append(route.request.resource_type)

    page.route(lambda url: True, lambda route: hold(route) if _is_late(route) else route.continue_())
    page.reload(wait_until="commit")
    painted = page.evaluate(
        """() => new Promise(done => new PerformanceObserver(list => done(list.getEntries()[0].name))
           .observe({type: "paint", buffered: true}))"""
    )
    assert painted == "first-paint"
    assert "script" in held


def _is_late(route: Route) -> bool:
    return route.request.resource_type in ("script", "image")


def test_paper_has_the_story_and_its_sources_and_nothing_to_press(open_page: OpenPage) -> None:
    page = open_page(STORY)
    page.emulate_media(media="print")
    expect(page.get_by_role("heading", name="3 sources")).to_be_visible()
    expect(page.get_by_text("What the crew fears")).to_be_visible()
    for hidden in (page.locator("button"), page.locator("form"), page.locator("details")):
        assert hidden.count()
        for element in hidden.all():
            expect(element).to_be_hidden()
