"""Building XML from any text: ElementTree, with the characters replaced that XML does not allow."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, tostring

# The complement of Char in XML 1.0, section 2.2. JSON allows some of these, so stories and queries may have them.
_INVALID = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """``text`` with U+FFFD in place of characters that XML does not allow."""
    return _INVALID.sub("\ufffd", text)


def add(parent: Element, tag: str, text: str | None = None, **attributes: str | None) -> Element:
    """Add a child element. Attributes that are None are left out."""
    child = SubElement(parent, tag, {name: clean(value) for name, value in attributes.items() if value is not None})
    if text is not None:
        child.text = clean(text)
    return child


def serialize(root: Element) -> bytes:
    """The document as UTF-8, with XML declaration."""
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document
