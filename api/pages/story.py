"""/s/{slug}-{id}: the page of a story, the one that readers share."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import redirect
from werkzeug import Response

from api.pages.addresses import make_url
from api.pages.rendering import page
from api.request.parameters import Arguments
from api.request.site import base_url
from api.response.answers import answer_detail, answer_related
from api.response.jsonld import describe_article
from index.live import OpenGeneration
from index.search import get_shared_story, related_stories

_RELATED = 5
# What previews show of a summary.
_DESCRIPTION = 300
# Networks that take an address to share in a link, so that no script of theirs is needed.
_NETWORKS = {
    "Bluesky": ("https://bsky.app/intent/compose", "text"),
    "Facebook": ("https://www.facebook.com/sharer/sharer.php", "u"),
    "LinkedIn": ("https://www.linkedin.com/sharing/share-offsite/", "url"),
    "X": ("https://x.com/intent/post", "url"),
}


def _move_story(generation: OpenGeneration, name: str) -> Response | None:
    """From an address with an old slug to the right one."""
    story = get_shared_story(generation, name)
    right = f"{story.slug}-{story.id}"
    return redirect(f"{base_url()}/s/{right}", 301) if name != right else None


@page("story.html", move=_move_story)
def show_story(generation: OpenGeneration, arguments: Arguments, name: str) -> dict[str, Any]:
    story = get_shared_story(generation, name)
    origin = base_url()
    root = urlsplit(origin).path
    shown = answer_detail(story, root, ("sections", "sources"), [])
    cited = _number_citations(shown["sections"])
    for source in shown["sources"]:
        source["cited"] = cited[source["n"]]
    address = f"{origin}/s/{story.slug}-{story.id}"
    return {
        "story": shown,
        "description": _shorten(" ".join((story.summary or story.body).split())),
        "related": [answer_related(entry, root) for entry in related_stories(generation, story, _RELATED)],
        "address": address,
        # Without OUTPOST_PUBLIC_URL nobody knows where this page stands, and only its reader's browser can share it.
        "shares": _make_shares(story.title, address) if origin else {},
        "oembeds": {kind: make_url(f"{origin}/oembed", {"url": address, "format": kind}) for kind in ("json", "xml")},
        "article": describe_article(story, origin),
    }


def _number_citations(sections: list[dict[str, Any]]) -> defaultdict[int, list[str]]:
    """Give each citation an id of its own; those of each source, to lead back by.

    Ids have a "_", which the anchors of sections never have.
    """
    cited: defaultdict[int, list[str]] = defaultdict(list)
    for section in sections:
        for paragraph in section["paragraphs"]:
            marks = []
            for n in dict.fromkeys(paragraph["citations"]):
                ident = f"cite_{n}_{len(cited[n]) + 1}"
                cited[n].append(ident)
                marks.append({"n": n, "id": ident})
            paragraph["marks"] = marks
    return cited


def _make_shares(title: str, address: str) -> dict[str, str]:
    """Links that share without a script."""
    shares = {"Email": "mailto:?" + urlencode({"subject": title, "body": address}).replace("+", "%20")}
    for network, (url, name) in _NETWORKS.items():
        shares[network] = make_url(url, {name: address})
    return shares


def _shorten(text: str) -> str:
    return text if len(text) <= _DESCRIPTION else text[: _DESCRIPTION - 1].rpartition(" ")[0] + "…"
