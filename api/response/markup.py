"""XML of any text: trees of the standard library, which escapes, less the characters that XML cannot hold."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, tostring

# XML 1.0, 2.2: everything but these is a character. JSON, and so a story or a query, may have some of them.
_NO_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """``text`` with U+FFFD in place of what XML has no way to write."""
    return _NO_CHARACTER.sub("\ufffd", text)


def add(parent: Element, tag: str, text: str | None = None, **attributes: str | None) -> Element:
    """A child; attributes that are None are left out."""
    child = SubElement(parent, tag, {name: clean(value) for name, value in attributes.items() if value is not None})
    if text is not None:
        child.text = clean(text)
    return child


def serialize(root: Element) -> bytes:
    """A whole document in UTF-8."""
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document
