"""/opensearch.xml, with which a browser adds the site to its search engines, and the suggestions for its address bar.

https://github.com/dewitt/opensearch/blob/master/opensearch-1-1-draft-6.md
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

import msgspec
from flask import Response

from api.endpoint import ApiBlueprint
from api.feeds import atom, rss
from api.request.arguments import NoArguments, SuggestArguments
from api.request.parameters import Arguments
from api.request.site import find_site
from api.response.markup import add, serialize
from index.analysis.folding import parse_typed_text
from index.live import OpenGeneration
from index.suggestions import suggest

blueprint = ApiBlueprint("opensearch", __name__, description="For search engines and browsers")
MEDIA_TYPE = "application/opensearchdescription+xml"
SUGGESTIONS = "application/x-suggestions+json"


@blueprint.get_response("/opensearch.xml", NoArguments, {"type": "string"}, media_type=MEDIA_TYPE)
def describe_search(arguments: Arguments) -> Response:
    """Description for browsers

    OpenSearch 1.1: the addresses of search pages, feeds and suggestions.
    """
    site = find_site()
    root = Element("OpenSearchDescription", {"xmlns": "http://a9.com/-/spec/opensearch/1.1/"})
    add(root, "ShortName", "Outpost")
    add(root, "Description", "Search news stories and the articles they are made of")
    add(root, "InputEncoding", "UTF-8")
    add(root, "Url", type="text/html", template=f"{site.base}/search?q={{searchTerms}}")
    for form, media_type in (("atom", atom.MEDIA_TYPE), ("rss", rss.MEDIA_TYPE)):
        add(root, "Url", type=media_type, template=f"{site.base}/v1/feeds/search.{form}?q={{searchTerms}}")
    add(root, "Url", type=SUGGESTIONS, template=f"{site.base}/opensearch/suggestions?q={{searchTerms}}")
    add(root, "Url", type=MEDIA_TYPE, rel="self", template=f"{site.base}/opensearch.xml")
    response = Response(serialize(root), content_type=MEDIA_TYPE)
    response.headers["Cache-Control"] = site.limit("public, max-age=86400")
    return response


@blueprint.get_document(
    "/opensearch/suggestions", SuggestArguments, {"type": "array"}, "index_unavailable", media_type=SUGGESTIONS
)
def list_browser_suggestions(generation: OpenGeneration, arguments: Arguments) -> bytes:
    """Suggestions for a browser's address bar

    `[typed text, [completions]]`: the texts of `/v1/suggest`.
    """
    suggestions = suggest(generation, parse_typed_text(arguments["q"]), arguments["limit"])
    texts = dict.fromkeys(suggestion.text for suggestion in suggestions)
    return msgspec.json.encode([arguments["q"], [*texts]])
