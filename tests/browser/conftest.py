"""Pages in a real browser: the system's Chromium, driven by Playwright, over a real server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Route, sync_playwright

from tests.e2e.conftest import Server, free_port, serve_command
from tests.support.factories import SAMPLE, build_stories, make_story

CHROMIUM = os.environ.get("OUTPOST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
# Nothing but what is asked for; the sandbox of a browser needs rights that containers do not give.
_SWITCHES = """--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync""".split()
# What stands for the pictures of the sample, which lie nowhere.
_PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 9"><rect width="16" height="9" fill="teal"/></svg>'
OpenPage = Callable[..., Page]

ARABIC = make_story(
    "ar-1", title="مرفأ جديد للعبّارات <b>", summary="ملخص القصة", language="ar", topics=["طاقة"],
    published_at="2025-01-01T00:00:00Z",
    sections=[{"heading": "عنوان", "paragraphs": [{"text": "نص الفقرة الأولى.", "citations": [1]}]}],
    sources=[{"title": "مصدر", "url": "https://example.com/a", "publisher": {"name": "جريدة"}}],
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker starts one browser, and each test says for itself that it was left out."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("browser"))
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium: install it, or name it in OUTPOST_CHROMIUM"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_SWITCHES)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The sample and a story that is read from right to left, served."""
    root = tmp_path_factory.mktemp("browser")
    index = build_stories(root / "index", [ARABIC], SAMPLE)
    port = free_port()
    server = Server(serve_command(index, port), port, root / "log").start()
    yield server
    server.stop()


@pytest.fixture
def open_page(browser: Browser, server: Server) -> Iterator[OpenPage]:
    """Opens paths, each in a browser of its own, and holds at the end of the test that nothing went wrong in it: no
    message of an error or of a violated policy, and no request to another host but for a story's picture."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def keep_away(route: Route, request: Request) -> None:
        if request.url.startswith(server.url):
            route.continue_()
        elif request.resource_type == "image" and request.url.startswith("https://"):
            assert "referer" not in request.headers
            route.fulfill(body=_PICTURE, content_type="image/svg+xml")
        else:
            wrong.append(f"request of {request.url}")
            route.abort()

    def complain(page: Page, message: ConsoleMessage) -> None:
        # A page about an error has its status, which a browser tells.
        own_status = message.text.startswith("Failed to load resource") and message.location["url"] == page.url
        if message.type in ("error", "warning") and not own_status:
            wrong.append(message.text)

    def open_page(path: str, width: int = 1280, theme: str = "light", **options: object) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce", **options
        )  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(15_000)
        context.route("**/*", keep_away)
        page = context.new_page()
        page.on("console", lambda message: complain(page, message))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(server.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
