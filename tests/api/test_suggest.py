"""/v1/suggest: what typing may be completed to."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from tests.api.helpers import Json, faults_of, get, search, url_of


def suggest(client: FlaskClient, **parameters: object) -> list[Json]:
    answer = get(client, "/v1/suggest", **parameters)
    assert answer.keys() == {"query", "suggestions"}
    assert answer["query"] == parameters.get("q", "")
    found: list[Json] = answer["suggestions"]
    return found


def test_each_key_press_has_suggestions_whose_match_is_marked(client: FlaskClient) -> None:
    for size in range(1, len("night ferry") + 1):
        typed = "night ferry"[:size]
        found = suggest(client, q=typed)
        assert 0 < len(found) <= 10
        assert all(f"<mark>{typed.strip()}" in one["highlight"].lower() for one in found), typed
        assert all(unescape(re.sub("</?mark>", "", one["highlight"])) == one["text"] for one in found)


def test_a_suggestion_leads_to_as_many_stories_as_it_says(client: FlaskClient) -> None:
    for q in ("", "f", "r", "har", "en"):
        for one in suggest(client, q=q):
            match one["type"]:
                case "query":
                    assert search(client, q=one["text"])["total"] == one["count"]
                    assert one["id"] is None
                case "story":
                    assert get(client, f"/v1/stories/{one['id']}")["title"] == one["text"]
                    assert one["count"] == 1
                case facet:
                    assert search(client, **{facet: one["id"]})["total"] == one["count"]


def test_types_stand_together_queries_first(client: FlaskClient) -> None:
    order = ["query", "topic", "publisher", "story"]
    for q in ("", "f", "h", "e"):
        types = [one["type"] for one in suggest(client, q=q)]
        assert types == sorted(types, key=order.index)
        assert len(set(types)) > 1


def test_markup_in_what_is_typed_and_suggested_is_text(hostile: FlaskClient) -> None:
    (story,) = [one for one in suggest(hostile, q="<script>ale") if one["type"] == "story"]
    assert story["text"].startswith("<script>alert")
    assert story["highlight"].startswith("&lt;<mark>script&gt;ale</mark>rt(&quot;")
    assert suggest(hostile, q="think")[-1]["highlight"] == "&lt;<mark>think</mark>&gt; is a word"
    assert [one["text"] for one in suggest(hostile, q="朝日")] == ["朝日新聞"]


def test_a_limit_is_kept(client: FlaskClient) -> None:
    for limit in (1, 3, 10):
        assert len(suggest(client, q="f", limit=limit)) == limit


@pytest.mark.parametrize("parameters", [{"limit": 0}, {"limit": 11}, {"q": "a" * 201}, {"typed": "a"}])
def test_what_is_not_allowed_is_told(client: FlaskClient, parameters: dict[str, object]) -> None:
    code = "unknown_parameter" if "typed" in parameters else "invalid_parameter"
    assert [name for name, _ in faults_of(client.get(url_of("/v1/suggest", **parameters)), code)] == list(parameters)
