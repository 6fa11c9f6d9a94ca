"""From what a feed reader shows back to the story: the inverse of api/feeds, by other means."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lxml import html

Json = dict[str, Any]


def flatten(value: Any) -> Any:
    """Texts with their white space as HTML shows it: readers and XML do not keep more."""
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, dict):
        return {key: flatten(part) for key, part in value.items()}
    return [flatten(part) for part in value] if isinstance(value, list) else value


def read_content(content: str, summary: str) -> Json:
    """Summary, sections and sources of an entry's HTML."""
    parts = html.fragments_fromstring(f"<div>{content}</div>")[0]
    blocks = list(parts)
    story: Json = {"summary": "", "sections": [], "sources": []}
    if summary:
        story["summary"] = blocks.pop(0).text_content()
    if blocks and blocks[-1].tag == "ol":
        story["sources"] = [_read_source(entry) for entry in blocks.pop()]
        assert blocks.pop().text == "Sources"
    for block in blocks:
        if block.tag == "h3":
            story["sections"].append({"heading": block.text_content(), "paragraphs": []})
        else:
            if not story["sections"]:
                story["sections"].append({"heading": "", "paragraphs": []})
            story["sections"][-1]["paragraphs"].append(_read_paragraph(block))
    return story


def _read_paragraph(block: Any) -> Json:
    numbers = [int(raised.text_content()) for raised in block.findall("sup")]
    return {"text": block.text or "", "citations": numbers, "leads_to": [a.get("href") for a in block.iter("a")]}


def _read_source(entry: Any) -> Json:
    title = next((part for part in entry if part.tag in ("a", "span")), None)
    picture = entry.find("img")
    name, domain = entry.findtext("cite") or "", entry.findtext("small")
    time = entry.find("time")
    return {
        "url": title.get("href") if title is not None else None,
        "title": title.text_content() if title is not None else "",
        "name": name,
        "domain": domain or "",
        "logo_url": picture.get("src") if picture is not None else None,
        "author": entry.findtext("address") or "",
        "published_at": time.get("datetime") if time is not None else None,
        "excerpt": entry.findtext("blockquote") or "",
    }


def expect_content(detail: Json) -> Json:
    """What ``read_content`` gives of a story, from the answer of /v1/stories/{id}."""
    urls = [source["url"] for source in detail["sources"]]
    sections = [
        {
            "heading": section["heading"],
            "paragraphs": [
                {**paragraph, "leads_to": [urls[n - 1] for n in paragraph["citations"] if urls[n - 1]]}
                for paragraph in section["paragraphs"]
            ],
        }
        for section in detail["sections"]
    ]
    return {
        "summary": detail["summary"],
        "sections": _merge_nameless(sections),
        "sources": [_expect_source(source) for source in detail["sources"]],
    }


def _merge_nameless(sections: list[Json]) -> list[Json]:
    """Paragraphs of a section without a heading stand below those before them; an empty one is not seen."""
    merged: list[Json] = []
    for section in sections:
        if section["heading"] or not merged:
            merged.append({"heading": section["heading"], "paragraphs": []})
        merged[-1]["paragraphs"] += section["paragraphs"]
    return [section for section in merged if section["heading"] or section["paragraphs"]]


def _expect_source(source: Json) -> Json:
    publisher = source["publisher"] or {"name": "", "domain": "", "logo_url": None}
    return {
        "url": source["url"],
        "title": source["title"] or source["url"] or "",
        "name": publisher["name"],
        "domain": "" if publisher["domain"] == publisher["name"] else publisher["domain"],
        "logo_url": publisher["logo_url"],
        "author": source["author"],
        "published_at": source["published_at"],
        "excerpt": source["excerpt"],
    }


def to_time(parsed: Any) -> str | None:
    """feedparser's struct_time, in whole seconds."""
    return datetime(*parsed[:6], tzinfo=UTC).isoformat().replace("+00:00", "Z") if parsed else None


def to_seconds(time: str | None) -> str | None:
    return datetime.fromisoformat(time).replace(microsecond=0).isoformat().replace("+00:00", "Z") if time else None
