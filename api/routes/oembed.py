"""/oembed: a story for embedding in another site (https://oembed.com)."""

from __future__ import annotations

import html
import math
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element

import msgspec
from flask import request

from api.endpoint import ApiBlueprint
from api.openapi.sharing_schemas import OembedAnswer
from api.request.arguments import OembedArguments
from api.request.parameters import Arguments
from api.request.site import base_url
from api.response.conditional import Form
from api.response.jsonld import SITE_NAME
from api.response.markup import add, serialize
from index.documents.story import Story
from index.errors import NotFound
from index.live import OpenGeneration
from index.search import get_shared_story

MEDIA_TYPES = {"json": "application/json", "xml": "text/xml; charset=utf-8"}
# A column of text as blogs have it, and how much of it a character takes: 16 px, 24 px a line, 60 px of frame.
_WIDTH, _CHARACTER, _LINE, _FRAME = 600, 8, 24, 60
_SHARED = "/s/"
Json = dict[str, Any]
blueprint = ApiBlueprint("oembed", __name__, description="Stories on other sites")


def _make_form(generation: OpenGeneration, arguments: Arguments) -> Form:
    origin, _ = _read_url(arguments["url"])
    return Form(MEDIA_TYPES[arguments["format_"]], base_url() or origin)


@blueprint.get_document(
    "/oembed", OembedArguments, OembedAnswer, "not_found", "gone", "index_unavailable",
    media_type="application/json", text_type="text/xml", form=_make_form,
)  # fmt: skip
def embed_story(generation: OpenGeneration, arguments: Arguments) -> bytes:
    """Embed a story in another site

    oEmbed 1.0. `url` is the address to share of a story, absolute or as a path. The answer is `rich`: a quotation with
    title, summary and publishers that needs no script. If it does not fit `maxwidth` and `maxheight`, the answer is a
    `link`.
    """
    origin, name = _read_url(arguments["url"])
    story = get_shared_story(generation, name)
    described = describe_embed(story, base_url() or origin, arguments.get("maxwidth"), arguments.get("maxheight"))
    return _to_xml(described) if arguments["format_"] == "xml" else msgspec.json.encode(described)


def _read_url(url: str) -> tuple[str, str]:
    """The origin of a URL of this site ("" for a path), and the name of its story.

    URLs of this site begin with OUTPOST_PUBLIC_URL or the host of the request. Raises NotFound for others, as the
    specification demands.
    """
    base = base_url()
    try:
        parts = urlsplit(url.removeprefix(base) if base and url.startswith(f"{base}/") else url)
    except ValueError:
        raise NotFound("story", url[:200]) from None
    foreign = parts.netloc and (parts.scheme.lower() not in ("http", "https") or parts.netloc != request.host)
    if foreign or (parts.scheme and not parts.netloc) or not parts.path.startswith(_SHARED):
        raise NotFound("story", url[:200])
    origin = f"{parts.scheme.lower()}://{parts.netloc}" if parts.netloc else ""
    return origin, unquote(parts.path.removeprefix(_SHARED))


def describe_embed(story: Story, base: str, max_width: int | None, max_height: int | None) -> Json:
    """The answer: ``rich`` if it fits, else ``link``. ``base`` is put before the paths of its addresses."""
    described = {
        "version": "1.0",
        "type": "link",
        "title": story.title,
        "author_name": story.curated_by,
        "provider_name": SITE_NAME,
        "provider_url": f"{base}/",
    }
    width = min(max_width or _WIDTH, _WIDTH)
    publishers = ", ".join(publisher.label for publisher in story.publishers)
    height = _FRAME + sum(_LINE * _count_lines(text, width) for text in (story.title, story.summary, publishers))
    if max_height is not None and height > max_height:
        return described
    quotation = _make_html(story, f"{base}/s/{story.slug}-{story.id}", publishers)
    return {**described, "type": "rich", "html": quotation, "width": width, "height": height}


def _count_lines(text: str, width: int) -> int:
    return math.ceil(len(text) * _CHARACTER / width)


def _make_html(story: Story, address: str, publishers: str) -> str:
    title, summary, sources = map(html.escape, (story.title, story.summary, publishers))
    language = html.escape(story.language)
    parts = [f'<p><a href="{html.escape(address)}" dir="auto"><strong>{title}</strong></a></p>']
    parts += [f'<p dir="auto">{summary}</p>'] if summary else []
    parts += [f"<footer>{sources}</footer>"] if sources else []
    return f'<blockquote class="outpost-story" lang="{language}">{"".join(parts)}</blockquote>'


def _to_xml(described: Json) -> bytes:
    root = Element("oembed")
    for name, value in described.items():
        add(root, name, str(value))
    return serialize(root)
