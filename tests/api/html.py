"""Pages as trees, by the standard library. What is not well nested is refused, so every test checks that too."""

from __future__ import annotations

from html.parser import HTMLParser
from xml.etree.ElementTree import Element, TreeBuilder

from flask.testing import FlaskClient

VOID = frozenset(("br", "hr", "img", "input", "link", "meta"))


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tree = TreeBuilder()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        self.tree.start(tag, {name: value or "" for name, value in attrs})
        if tag in VOID:
            self.tree.end(tag)
        else:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.tree.end(tag)

    def handle_data(self, data: str) -> None:
        if self.open:
            self.tree.data(data)


class HtmlPage:
    """A page to ask for what is on it."""

    def __init__(self, html: str) -> None:
        builder = _Builder()
        builder.feed(html)
        builder.close()
        assert builder.open == []
        self.root = builder.tree.close()

    def all(self, tag: str, within: Element | None = None, **attributes: str) -> list[Element]:
        """Elements of a name with these attributes; ``class_`` is one of the classes."""
        found = (self.root if within is None else within).iter(tag)
        return [one for one in found if all(_has(one, name.rstrip("_"), text) for name, text in attributes.items())]

    def one(self, tag: str, within: Element | None = None, **attributes: str) -> Element:
        (found,) = self.all(tag, within, **attributes)
        return found

    def meta(self, name: str) -> str | None:
        """The content of a meta element."""
        for one in self.all("meta"):
            if name in (one.get("name"), one.get("property")):
                return one.get("content")
        return None

    def link(self, **attributes: str) -> str:
        return self.one("link", **attributes).get("href", "")


def _has(element: Element, name: str, text: str) -> bool:
    value = element.get(name)
    return value is not None and (text in value.split() if name == "class" else text == value)


def text_of(element: Element) -> str:
    """As read: white space is one blank."""
    return " ".join("".join(element.itertext()).split())


def get_page(client: FlaskClient, url: str, status: int = 200) -> HtmlPage:
    """The page at ``url``, with the headers that every page has."""
    response = client.get(url)
    assert response.status_code == status, response.text
    assert response.headers.getlist("Content-Type") == ["text/html; charset=utf-8"]
    (policy,) = response.headers.getlist("Content-Security-Policy")
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    page = HtmlPage(response.text)
    check_page(page)
    return page


def check_page(page: HtmlPage) -> None:
    """What holds for every page."""
    idents = [one.get("id") for one in page.root.iter() if one.get("id")]
    assert len(set(idents)) == len(idents)
    for one in page.root.iter():
        assert not any(name == "style" or name.startswith("on") for name in one.attrib), one.attrib
    for script in page.all("script"):
        # Data, or a file of ours.
        assert script.get("type") == "application/ld+json" or script.get("src", "").startswith("/static/")
    for link in page.all("a"):
        target = link.get("href", "")
        assert target.startswith(("/", "#", "https://", "http://", "mailto:?")), target
        assert not target.startswith("//")
        assert not target.startswith("#") or target[1:] in idents
        assert text_of(link) or link.get("aria-label")
    assert len(page.all("h1")) == 1
    assert page.root.get("lang") == "en"
