"""/s/{slug}-{id}: the page of a story. Its URL is the one that readers share."""

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
# Characters of a summary in link previews.
_DESCRIPTION = 300
# Networks with a plain link for sharing, which needs none of their scripts: base URL and name of the parameter.
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
    citation_ids = _add_citation_links(shown["sections"])
    for source in shown["sources"]:
        source["citation_ids"] = citation_ids[source["n"]]
    address = f"{origin}/s/{story.slug}-{story.id}"
    return {
        "story": shown,
        "description": _shorten(" ".join((story.summary or story.body).split())),
        "related": [answer_related(entry, root) for entry in related_stories(generation, story, _RELATED)],
        "address": address,
        # Without OUTPOST_PUBLIC_URL the server does not know the full URL; the script can still share it.
        "shares": _make_shares(story.title, address) if origin else {},
        "oembeds": {kind: make_url(f"{origin}/oembed", {"url": address, "format": kind}) for kind in ("json", "xml")},
        "article": describe_article(story, origin),
    }


def _add_citation_links(sections: list[dict[str, Any]]) -> defaultdict[int, list[str]]:
    """Set ``citation_links`` in each paragraph: one link with its own element id per cited source.

    Returns the ids by number of the source, for the links back from a source to its citations. Ids contain "_", which
    the anchors of sections never do.
    """
    citation_ids: defaultdict[int, list[str]] = defaultdict(list)
    for section in sections:
        for paragraph in section["paragraphs"]:
            links = []
            for n in dict.fromkeys(paragraph["citations"]):
                citation_id = f"cite_{n}_{len(citation_ids[n]) + 1}"
                citation_ids[n].append(citation_id)
                links.append({"n": n, "id": citation_id})
            paragraph["citation_links"] = links
    return citation_ids


def _make_shares(title: str, address: str) -> dict[str, str]:
    """Share links that work without a script, by name of the network."""
    shares = {"Email": "mailto:?" + urlencode({"subject": title, "body": address}).replace("+", "%20")}
    for network, (url, name) in _NETWORKS.items():
        shares[network] = make_url(url, {name: address})
    return shares


def _shorten(text: str) -> str:
    return text if len(text) <= _DESCRIPTION else text[: _DESCRIPTION - 1].rpartition(" ")[0] + "…"
