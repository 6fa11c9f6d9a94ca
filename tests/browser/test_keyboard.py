"""The keyboard alone: suggestions, the whole way of a search, a story and its sources."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage

STORY = "/s/ferry-robot-takes-its-first-morning-shift-on-the-skerrow-crossing-31001"
_NAME_OF_FOCUS = """() => {
  const e = document.activeElement;
  return e.getAttribute("aria-label") || e.innerText || e.labels?.[0]?.innerText || "";
}"""


def tab_to(page: Page, name: str, limit: int = 80) -> None:
    """Press Tab until what has the focus is called ``name``."""
    seen = []
    for _ in range(limit):
        page.keyboard.press("Tab")
        said = page.evaluate(_NAME_OF_FOCUS)
        seen.append(" ".join(said.split()))
        if seen[-1] == name:
            # Whoever uses the keyboard sees where they are.
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            return
    raise AssertionError(f"{name} has no place among {seen}")


def test_what_is_typed_is_completed_and_chosen_without_a_mouse(open_page: OpenPage) -> None:
    page = open_page("/")
    tab_to(page, "Search the stories")
    box = page.get_by_role("combobox", name="Search the stories")
    expect(box).to_be_focused()
    expect(box).to_have_attribute("aria-expanded", "false")
    page.keyboard.type("night fer")
    options = page.get_by_role("listbox", name="Suggestions").get_by_role("option")
    expect(options.first).to_contain_text("night ferry")
    expect(options.first.locator("mark")).to_have_text("night fer")
    expect(box).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    chosen = page.locator("[role=option][aria-selected=true]")
    expect(chosen).to_have_count(1)
    expect(box).to_have_attribute("aria-activedescendant", chosen.get_attribute("id") or "")
    page.keyboard.press("ArrowUp")
    expect(chosen).to_have_count(0)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=night%20ferry")
    expect(page.get_by_role("heading", level=1)).to_have_text("night ferry")


def test_a_suggested_story_topic_or_publisher_is_a_page(open_page: OpenPage) -> None:
    page = open_page("/")
    box = page.get_by_role("combobox")
    for typed, kind, path in (
        ("energy", "topic", "/topics/energy"),
        ("harbor led", "publisher", "/publishers/harbor-ledger"),
        ("takes its first mor", "story", STORY),
    ):
        box.fill(typed)
        option = page.get_by_role("option").filter(has=page.locator("small", has_text=kind)).first
        option.click()
        page.wait_for_url(f"**{path}")


def test_escape_closes_and_enter_searches_for_what_was_typed(open_page: OpenPage) -> None:
    page = open_page("/")
    box = page.get_by_role("combobox")
    box.press_sequentially("ferr")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("option")).to_have_count(0)
    expect(box).to_have_value("ferr")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("option")).to_have_count(0)
    box.press("Enter")
    page.wait_for_url("**/search?q=ferr")


def test_a_search_is_narrowed_ordered_and_paged_by_keyboard(open_page: OpenPage) -> None:
    page = open_page("/search")
    tab_to(page, "Skip to the stories")
    page.keyboard.press("Enter")
    tab_to(page, "Oldest")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?sort=oldest")
    expect(page.get_by_role("navigation", name="Sort order").locator("[aria-current]")).to_have_text("Oldest")
    tab_to(page, "Next →", 200)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?sort=oldest&page=2")
    tab_to(page, "Energy 13", 200)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?sort=oldest&topic=energy")
    expect(page.get_by_role("status").filter(has_text="13 stories")).to_be_visible()
    tab_to(page, "Remove: Energy ×")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?sort=oldest")


def test_dates_narrow_a_search(open_page: OpenPage) -> None:
    page = open_page("/search?q=ferry")
    page.get_by_label("From", exact=True).fill("2025-03-01")
    page.get_by_label("To", exact=True).fill("2025-04-30")
    page.get_by_role("button", name="Apply").press("Enter")
    page.wait_for_url("**/search?q=ferry&from=2025-03-01&to=2025-04-30")
    expect(page.get_by_label("From", exact=True)).to_have_value("2025-03-01")


def test_a_citation_leads_to_its_source_and_back(open_page: OpenPage) -> None:
    page = open_page(STORY, width=390)
    tab_to(page, "Source 2")
    page.keyboard.press("Enter")
    expect(page.locator("#source_2")).to_be_in_viewport()
    assert page.evaluate("document.querySelector(':target').id") == "source_2"
    tab_to(page, "Back to citation 1 of source 2")
    page.keyboard.press("Enter")
    expect(page.locator("#cite_2_1")).to_be_in_viewport()


def test_sharing_copies_the_address(open_page: OpenPage) -> None:
    page = open_page(STORY, permissions=["clipboard-read", "clipboard-write"])
    tab_to(page, "Share")
    page.keyboard.press("Enter")
    tab_to(page, "Copy link")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").endswith(STORY)


def test_without_a_script_nothing_is_missing(open_page: OpenPage) -> None:
    page = open_page("/", java_script_enabled=False)
    page.get_by_role("searchbox").fill("night ferry")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**/search?q=night+ferry")
    page.get_by_role("link", name="After 97 years").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("After 97 years")
    page.get_by_text("Share", exact=True).click()
    expect(page.locator("a.address")).to_be_visible()
    expect(page.get_by_role("button", name="Copy link")).to_be_hidden()
