"""The API answers the same over a cluster as over a directory, and says so where the cluster does not answer."""

from __future__ import annotations

import html
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.settings import InvalidSetting, Settings
from index.engines.opensearch.engine import ClusterEngine
from index.indexer import build_index
from tests.api.helpers import check_problem
from tests.support.factories import SAMPLE
from tools.opensearch_node import Node

pytestmark = pytest.mark.xdist_group("opensearch")
Json = dict[str, Any]
SECRET = "correct-horse"
# What differs between any two indexes, or is a measure of its engine.
OWN = (
    "took_ms", "generation", "next_cursor", "score", "self", "next", "first", "prev", "next_url", "processingTimeMS",
)  # fmt: skip
# Pages, feeds and what crawlers read: the same to the byte, but for the time of the build.
SAME_TEXTS = (
    "/",
    "/search?q=ferry&sort=newest&topic=robotics,-x",
    "/search?q=feryr&sort=newest",
    "/search?q=zzqq",
    "/topics/robotics?per_page=2&page=2",
    "/publishers/harbour-record",
    "/s/any-32002",
    "/v1/feeds/search.json?q=ferry&per_page=3",
    "/v1/feeds/search.rss?q=ferry&min_sources=2",
    "/v1/feeds/search.atom?q=ferry&page=2&per_page=5",
    "/v1/feeds/search.rss?topic=robotics",
    "/v1/stories/32002.jsonld",
    "/sitemap.xml",
    "/sitemaps/2025-01-1.xml",
    "/sitemaps/news.xml",
    "/opensearch.xml",
    "/oembed?url=http%3A%2F%2Flocalhost%2Fs%2Fany-32002",
)
ASKED = [
    {"indexName": "stories_newest", "query": "ferry", "facets": ["*"], "hitsPerPage": 5, "page": 1},
    {
        "indexName": "stories_sources", "query": "rob", "facets": ["*"], "maxValuesPerFacet": 2,
        "facetFilters": [["topic:Robotics", "topic:Energy"], "topic:-Culture", "language:en"],
    },
    {"indexName": "stories_oldest", "query": "", "numericFilters": ["source_count>=2"], "facets": ["source_count"]},
    {"indexName": "stories", "query": "", "type": "facet", "facet": "publisher", "facetQuery": "h"},
    {"indexName": "sources", "query": "fer"},
]  # fmt: skip
SAME = (
    "/v1/search?q=robot&facets=topic,publisher,curator,language,domain,year,month&facet_size=3&sort=newest",
    "/v1/search?q=ferry&publisher=the-harbour-record,-x&facets=publisher,topic&sort=sources&per_page=100",
    "/v1/search?q=%22night+ferry%22+-robot&sort=oldest&facets=domain&facet_sort=value",
    "/v1/search?q=rob*+OR+title:ferry&sort=updated&snippet_words=12&highlight_tag=em",
    "/v1/search?q=feryr&sort=newest",
    "/v1/search?q=robots+zebra+ferries&sort=newest&facets=topic",
    "/v1/search?q=publisher:harbour&sort=newest",
    "/v1/search?q=-(robot+OR+ferry)&sort=newest&per_page=100",
    "/v1/search?from=2025-01-10&to=2025-02-01&min_sources=2&facets=month",
    "/v1/stories?per_page=100",
    "/v1/stories/32002?include=sections,sources",
    "/v1/stories/32002/sources",
    "/v1/suggest?q=f&limit=10",
    "/v1/suggest?q=night+f&limit=10",
    "/v1/suggest?q=ro",
    "/v1/suggest",
    "/v1/facets/publisher?q=h",
    "/v1/facets/topic?search=ferry",
    "/v1/stats/timeline?q=ferry&interval=week",
    "/v1/stats/timeline?interval=month",
    "/v1/sources?per_page=100",
    "/v1/publishers?per_page=100",
    "/v1/publishers?q=the&sort=name",
)


_BUILT = re.compile(r"<lastBuildDate>[^<]*<")
_REQUEST = re.compile(r"Request ID: [0-9a-f]{32}")


def reduce(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reduce(own) for key, own in value.items() if key not in OWN}
    return [reduce(own) for own in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def settings(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    engine = f"opensearch://127.0.0.1:{node.port}/api"
    settings = Settings(index=tmp_path_factory.mktemp("scratch"), engine=engine)
    build_index(settings.place, [SAMPLE])
    return settings


@pytest.fixture(scope="module")
def clustered(settings: Settings) -> Iterator[FlaskClient]:
    app = create_app(settings)
    yield app.test_client()
    app.extensions["outpost.index"].close()


@pytest.fixture(scope="module")
def embedded(sample_index: Path) -> Iterator[FlaskClient]:
    app = create_app(Settings(index=sample_index))
    yield app.test_client()
    app.extensions["outpost.index"].close()


@pytest.mark.parametrize("url", SAME)
def test_an_answer_of_the_cluster_is_that_of_the_directory(
    url: str, clustered: FlaskClient, embedded: FlaskClient
) -> None:
    expected, found = embedded.get(url), clustered.get(url)
    assert found.status_code == expected.status_code == 200
    assert reduce(json.loads(found.data)) == reduce(json.loads(expected.data))


@pytest.mark.parametrize("url", SAME_TEXTS)
def test_pages_feeds_and_sitemaps_of_the_cluster_are_those_of_the_directory(
    url: str, clustered: FlaskClient, embedded: FlaskClient
) -> None:
    expected, found = (_BUILT.sub("", one.get(url).text) for one in (embedded, clustered))
    assert embedded.get(url).status_code == clustered.get(url).status_code
    assert found == expected or _REQUEST.sub("", found) == _REQUEST.sub("", expected)


@pytest.mark.parametrize("path", ["/v1/instantsearch", "/1/indexes/*/queries"])
def test_instantsearch_finds_the_same_on_a_cluster(path: str, clustered: FlaskClient, embedded: FlaskClient) -> None:
    expected, found = (one.post(path, json={"requests": ASKED}) for one in (embedded, clustered))
    assert found.status_code == expected.status_code == 200
    assert all(answer.get("nbHits", 1) for answer in expected.json["results"])
    assert reduce(found.json) == reduce(expected.json)


@pytest.mark.parametrize(
    "path", ["/v1/search?q=the+OR+a*", "/v1/stories?", "/v1/sources?", "/v1/feeds/search.json?", "/search?q=f*+OR+r*"]
)
def test_lists_go_on_beyond_the_window_from_their_last_result(
    path: str, clustered: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_ids(clustered, f"{path}&per_page=100")
    monkeypatch.setattr("api.response.pagination.MAX_WINDOW", 8)
    monkeypatch.setattr("index.engines.opensearch.engine.MAX_WINDOW", 8)
    # Whoever counted from the beginning again would come here.
    monkeypatch.setattr(ClusterEngine, "_skip_to", None)
    assert len(whole) > 20
    assert read_ids(clustered, f"{path}&per_page=4") == whole


def read_ids(client: FlaskClient, url: str) -> list[str]:
    """What a list shows, from page to page as its links lead."""
    found: list[str] = []
    following: str | None = url
    while following:
        response = client.get(following)
        assert response.status_code == 200, response.text
        if response.mimetype == "text/html":
            found += re.findall(r'<h\d dir="auto"><a href="([^"]+)"', response.text)
            links = re.findall(r'<a rel="next" href="([^"]+)"', response.text)
            following = html.unescape(links[0]) if links else None
        else:
            body = json.loads(response.data)
            found += [one["id"] for one in body["items" if "items" in body else "results"]]
            following = body.get("next_url") if "items" in body else body["links"]["next"]
    return found


@pytest.mark.parametrize(
    "path", ["/v1/search?q=robot", "/search?q=robot", "/v1/feeds/search.rss?q=robot", "/v1/sources"]
)
def test_a_search_that_runs_out_of_its_time_is_504(
    path: str, clustered: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.engines.opensearch.connection.deadline.MAX_SECONDS", -1.0)
    # Not an answer that was kept from before.
    response = clustered.get(path + ("&" if "?" in path else "?") + "per_page=7")
    assert response.status_code == 504
    if response.mimetype != "text/html":
        check_problem(response, 504, "timeout")


def test_instantsearch_that_runs_out_of_its_time_is_504(
    clustered: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ClusterEngine, "max_seconds", 0.001)
    assert clustered.post("/v1/instantsearch", json={"requests": ASKED}).status_code == 504


def test_hits_by_relevance_are_the_same_and_the_best_is_the_same(clustered: FlaskClient, embedded: FlaskClient) -> None:
    for q in ("robot", "night ferry", "tide mill", "robot OR ferry OR harbour"):
        pages = [json.loads(one.get(f"/v1/search?q={q}&per_page=100").data) for one in (clustered, embedded)]
        ids = [[hit["id"] for hit in page["results"]] for page in pages]
        assert set(ids[0]) == set(ids[1])
        assert ids[0][0] == ids[1][0]
        assert pages[0]["results"][0]["score"] == pytest.approx(pages[1]["results"][0]["score"], rel=0.05)


def test_related_stories_are_the_same_with_the_same_scores(clustered: FlaskClient, embedded: FlaskClient) -> None:
    for hit in json.loads(embedded.get("/v1/stories?per_page=20").data)["results"]:
        url = f"/v1/stories/{hit['id']}/related?limit=10"
        found, expected = (json.loads(one.get(url).data)["results"] for one in (clustered, embedded))
        assert [(one["id"], one["reason"]) for one in found] == [(one["id"], one["reason"]) for one in expected]
        assert [one["score"] for one in found] == pytest.approx([one["score"] for one in expected], abs=2e-4)


def test_what_is_exported_are_the_same_bytes(clustered: FlaskClient, embedded: FlaskClient) -> None:
    for url in ("/v1/export/stories.ndjson", "/v1/export/stories.ndjson?q=ferry&sort=sources"):
        assert clustered.get(url).data == embedded.get(url).data


def test_a_cursor_reads_to_the_end_and_is_stale_after_an_update(clustered: FlaskClient) -> None:
    seen, url = [], "/v1/stories?per_page=20&cursor="
    first = json.loads(clustered.get("/v1/stories?per_page=20").data)
    cursor = first["next_cursor"]
    seen += [hit["id"] for hit in first["results"]]
    while cursor:
        page = json.loads(clustered.get(url + cursor).data)
        seen += [hit["id"] for hit in page["results"]]
        cursor = page["next_cursor"]
    assert len(set(seen)) == len(seen) == 72


def test_status_and_readiness_tell_of_the_cluster(clustered: FlaskClient) -> None:
    assert clustered.get("/readyz").status_code == 200
    status = json.loads(clustered.get("/status").data)
    assert (status["engine"], status["stories"]) == ("opensearch", 72)


def test_a_cluster_that_is_away_is_503_with_retry_after_and_nobody_is_told_where_it_is(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    engine = "opensearch://127.0.0.1:1/outpost"
    away = Settings(index=tmp_path, engine=engine, engine_user="desk", engine_password=SECRET)
    client = create_app(away).test_client()
    with caplog.at_level(logging.DEBUG):
        for path in ("/v1/search?q=a", "/readyz", "/v1/stories/1", "/v1/export/stories.ndjson", "/status"):
            response = client.get(path)
            body = check_problem(response, 503, "index_unavailable")
            assert response.headers["Retry-After"]
            assert "127.0.0.1" not in json.dumps(body)
    assert client.get("/healthz").status_code == 200
    assert SECRET not in caplog.text
    assert SECRET not in repr(away) + repr(away.place) + str(away.place)


@pytest.mark.parametrize(
    "engine",
    [
        f"opensearch://desk:{SECRET}@host:9200/outpost", "opensearch://host:99999/outpost", "http://host:9200/outpost",
        "opensearch://host:9200", "opensearch://host:9200/UPPER", "opensearch:///outpost", "opensearch://h/a/../b",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_and_not_shown(engine: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_env({"OUTPOST_ENGINE": engine})
    assert SECRET not in str(caught.value)
    assert "opensearch://host:9200/name" in str(caught.value)


def test_several_hosts_and_tls_are_read_from_the_address(tmp_path: Path) -> None:
    env = {
        "OUTPOST_ENGINE": "opensearch+https://a.example.com,[::1]:9201/news-1/", "OUTPOST_ENGINE_TOKEN": SECRET,
    }  # fmt: skip
    place = Settings.from_env(env).place
    assert str(place) == "opensearch+https://a.example.com:9200,[::1]:9201/news-1"
